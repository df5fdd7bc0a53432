"""Executors of prepare's tasks: processes on this machine, or the workers of a Dask cluster.

DASK_SCHEDULER_ADDRESS names the scheduler of a running cluster. Both are concurrent.futures executors and make the
same bytes, so the choice is not a param. An unusable cluster is an error: prepare does not fall back to this machine.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sceneparse.core.errors import InputError, TransientError
from sceneparse.core.parallel import WorkerProcesses, usable_cpus
from stages.prepare.encode import OTHER, signature, unfit

log = logging.getLogger(__name__)

VARIABLE = "DASK_SCHEDULER_ADDRESS"
CONNECT_SECONDS = 10


def open_executor(dataset: Path) -> AbstractContextManager[tuple[Executor, int]]:
    """Return an executor for tasks on this dataset (an absolute path), and how many tasks it runs at a time.

    Raises InputError if the cluster cannot be used, or is lost inside the block.
    """
    address = os.environ.get(VARIABLE, "")
    return _cluster(address, dataset) if address else _processes()


@contextmanager
def _processes() -> Iterator[tuple[Executor, int]]:
    count = usable_cpus()
    with WorkerProcesses(count) as pool:
        yield pool, count


@contextmanager
def _cluster(address: str, dataset: Path) -> Iterator[tuple[Executor, int]]:
    try:
        from distributed import Client, KilledWorker
        from distributed.comm.addressing import get_address_host_port
        from distributed.comm.core import CommClosedError
    except ImportError:
        raise InputError(
            "Dask is not installed",
            expected="the package distributed",
            got="none",
            file=f"{VARIABLE}={address}",
            next_step=f"pip install -c constraints.txt -e '.[dask]', or unset {VARIABLE} to use this machine",
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # its errors are raised as well
    try:
        get_address_host_port(address if "://" in address else f"tcp://{address}", strict=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        problem, expected = "cannot reach the Dask scheduler", "a scheduler at an address such as tcp://host:8786"
        step = "start the cluster (docs/scaling.md), and run again"
        raise _failed(problem, expected, str(error), address, step) from None
    for warning in caught:
        log.warning("Dask: %s", warning.message)  # workers with other versions of libraries
    try:
        with client:
            _check_environment(client, address, dataset)
            # Not pure: Dask would reuse the result of an earlier task with the same path, though the file may differ.
            yield client.get_executor(pure=False), sum(client.nthreads().values())
    except (CancelledError, CommClosedError, KilledWorker) as error:
        problem, expected = "the Dask cluster has failed", "a scheduler and workers that outlive their tasks"
        got, step = str(error) or "no scheduler", "read the logs of the scheduler and workers, and run again"
        raise _failed(problem, expected, got, address, step) from None


def _check_environment(client: Any, address: str, dataset: Path) -> None:
    """Raise InputError naming every worker that would make other records than this process."""

    # Nested, so that Dask pickles them by value: a worker that cannot import a task's function would crash.
    def import_ours() -> None:
        import stages.prepare.encode  # noqa: F401 - fails where the scheduler has no such module

    def sign() -> str:
        from stages.prepare.encode import signature

        return signature(dataset)

    mine = signature(dataset)
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        client.run_on_scheduler(import_ours)
    except TimeoutError:
        problem, step = "the Dask cluster has no workers", "start workers (docs/scaling.md), and run again"
        raise _failed(problem, "at least one", "none", address, step) from None
    except ImportError as error:
        raise unfit(dataset, f"the scheduler: {error}") from None
    signatures = sorted(client.run(sign, on_error="return").items())
    others = [
        f"{worker}: {theirs if isinstance(theirs, Exception) else OTHER}"
        for worker, theirs in signatures
        if theirs != mine
    ]
    if others:
        raise unfit(dataset, "\n".join(["", *others]))


def _failed(problem: str, expected: str, got: str, address: str, step: str) -> TransientError:
    return TransientError(problem, expected=expected, got=got, file=f"{VARIABLE}={address}", next_step=step)
