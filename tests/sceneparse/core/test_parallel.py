"""Many tasks at a time: results in order, memory bounded."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sceneparse.core.parallel import in_order


def test_results_come_in_order_with_few_tasks_in_flight():
    running, started = set(), []

    def work(index):
        time.sleep(0.01 * (index % 3 == 0))  # later tasks overtake
        return index

    def tasks():
        for index in range(30):
            started.append(index)
            running.add(index)
            yield index

    most = 0
    with ThreadPoolExecutor(3) as pool:
        for expected, result in enumerate(in_order(pool, work, tasks(), ahead=4)):
            assert result == expected
            most = max(most, len(running))
            running.remove(result)
    assert started == list(range(30))
    assert most == 5  # four that wait, and the one handed over


def test_a_task_that_raises_is_no_result():
    def work(index):
        return 1 / (index - 2)

    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool, work, range(5), ahead=2)
        assert [next(results), next(results)] == [-0.5, -1.0]
        with pytest.raises(ZeroDivisionError):
            next(results)
