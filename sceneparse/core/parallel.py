"""Many small tasks on all cores, their results in order, with a progress bar.

A few tasks run in threads of this process: starting other processes would take longer. Pillow and zlib release the GIL.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from sceneparse.core.progress import progress

FEW = 100  # tasks that threads finish before other processes have started, which takes about a second

Task = TypeVar("Task")
Result = TypeVar("Result")


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use: those of its affinity on Linux, all of them elsewhere."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_parallel(
    function: Callable[[tuple[Task, ...]], Result], tasks: Sequence[Task], chunk: int, name: str
) -> Iterator[Result]:
    """Yield the results of `function` for chunks of the tasks, in order; memory does not grow with their number."""
    count = usable_cpus()
    pool: Executor
    if len(tasks) <= FEW:
        pool = ThreadPoolExecutor(count)
    else:
        # spawn: forking a process that has threads (progress bars have one) can deadlock.
        pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"))
    chunks = (tuple(tasks[start : start + chunk]) for start in range(0, len(tasks), chunk))
    with progress(total=len(tasks), desc=name, unit="image") as bar:
        try:
            for result in in_order(pool, function, chunks, ahead=2 * count):
                bar.update(min(chunk, len(tasks) - bar.n))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)


def in_order(pool: Executor, function: Callable[[Task], Result], tasks: Iterable[Task], ahead: int) -> Iterator[Result]:
    """Yield results in the order of the tasks, at most `ahead` in flight: memory does not grow with their number."""
    waiting: deque[Future[Result]] = deque()
    for task in tasks:
        waiting.append(pool.submit(function, task))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
