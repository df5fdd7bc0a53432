"""Many small tasks on all cores, their results in order, with a progress bar.

A few tasks run in threads of this process: starting other processes would take longer. Pillow and zlib release the GIL.
Worker processes end with this one, however it ends.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

from sceneparse.core.ends import end_with_owner
from sceneparse.core.errors import TransientError
from sceneparse.core.progress import progress

FEW = 100  # tasks that threads finish before other processes have started, which takes about a second

Task = TypeVar("Task")
Result = TypeVar("Result")


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use: those of its affinity on Linux, all of them elsewhere."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


THREADS = min(4, usable_cpus())  # that hold pictures and their scores at a time


class WorkerProcesses(ProcessPoolExecutor):
    """Executor of `count` processes that end with this one. A block that fails drops the tasks that have not begun."""

    def __init__(self, count: int) -> None:
        # spawn: forking a process that has threads (progress bars have one) can deadlock.
        super().__init__(count, mp_context=get_context("spawn"), initializer=end_with_owner)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Schedule a call; it may start a worker, which ignores what a terminal sends to all of its processes."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))  # workers inherit this
        try:
            return super().submit(function, *arguments, **named)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def __exit__(self, *_: object) -> None:
        """Wait for the tasks that run."""
        self.shutdown(cancel_futures=True)


def in_parallel(
    function: Callable[[tuple[Task, ...]], Result], tasks: Sequence[Task], chunk: int, name: str
) -> Iterator[Result]:
    """Yield the results of `function` for chunks of the tasks, in order; memory does not grow with their number."""
    count = usable_cpus()
    pool: Executor = ThreadPoolExecutor(count) if len(tasks) <= FEW else WorkerProcesses(count)
    chunks = (tuple(tasks[start : start + chunk]) for start in range(0, len(tasks), chunk))
    with progress(total=len(tasks), desc=name, unit="image") as bar:
        try:
            for result in in_order(pool, function, chunks, ahead=2 * count):
                bar.update(min(chunk, len(tasks) - bar.n))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)


def in_order(pool: Executor, function: Callable[[Task], Result], tasks: Iterable[Task], ahead: int) -> Iterator[Result]:
    """Yield results in the order of the tasks, at most `ahead` in flight: memory does not grow with their number.

    Raises TransientError when a worker process was killed.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(function, task))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenExecutor as error:
        raise TransientError(
            "a worker process was killed",
            expected="workers that end with their tasks",
            got=str(error),
            file="this machine",
            next_step="run again; if it happens again, see in the system's log whether memory ran out",
        ) from None
