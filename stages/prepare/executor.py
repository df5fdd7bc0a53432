"""Where prepare's tasks run: in processes of this machine, or on the workers of a Dask cluster.

The cluster exists already: DASK_SCHEDULER_ADDRESS names its scheduler. Both are a concurrent.futures
executor and do the same work, so the choice is no param and changes no byte. Nothing falls back from
the cluster to this machine: what makes it unusable is an error.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sceneparse.core.errors import InputError, TransientError
from sceneparse.core.parallel import usable_cpus
from stages.prepare.encode import Unfit, signature

log = logging.getLogger(__name__)

VARIABLE = "DASK_SCHEDULER_ADDRESS"
CONNECT_SECONDS = 10


def open_executor(dataset: Path) -> AbstractContextManager[tuple[Executor, int]]:
    """An executor for tasks on this dataset (an absolute path), and how many of them it runs at a time.

    Raises InputError when the cluster cannot be used, and also in the block, when it is lost.
    """
    address = os.environ.get(VARIABLE, "")
    return _cluster(address, dataset) if address else _processes()


@contextmanager
def _processes() -> Iterator[tuple[Executor, int]]:
    count = usable_cpus()
    # spawn: forking a process that has threads (progress bars have one) can deadlock.
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        yield pool, count


@contextmanager
def _cluster(address: str, dataset: Path) -> Iterator[tuple[Executor, int]]:
    try:
        from distributed import Client, KilledWorker
        from distributed.comm.addressing import get_address_host_port
        from distributed.comm.core import CommClosedError
    except ImportError:
        step = f"pip install -c constraints.txt -e '.[dask]', or unset {VARIABLE} to use this machine alone"
        raise _refusal(InputError, "Dask is not installed", "the package distributed", "none", address, step) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters comes as an exception too
    try:
        get_address_host_port(address if "://" in address else f"tcp://{address}", strict=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        problem, expected = "the Dask scheduler cannot be reached", "one at an address such as tcp://host:8786"
        step = "start the cluster (docs/scaling.md), and run again"
        raise _refusal(TransientError, problem, expected, str(error), address, step) from None
    for warning in caught:
        log.warning("Dask: %s", warning.message)  # which libraries have other versions over there
    try:
        with client:
            _check_environment(client, address, dataset)
            # Not pure: Dask would take a task for an earlier one with the same path, whatever lies there now.
            yield client.get_executor(pure=False), sum(client.nthreads().values())
    except Unfit as error:
        raise _unfit(address, [str(error)]) from None
    except (CancelledError, CommClosedError, KilledWorker) as error:
        problem, expected = "the Dask cluster has failed", "a scheduler that lives on, workers that outlive their tasks"
        got, step = str(error) or "the scheduler has gone", "look at what they said, and run again"
        raise _refusal(TransientError, problem, expected, got, address, step) from None


def _check_environment(client: Any, address: str, dataset: Path) -> None:
    """Raise InputError naming every worker that would make other records than this process."""

    # Defined in here, so that Dask sends them by value: a worker that cannot import a task's function dies of it.
    def import_ours() -> None:
        import stages.prepare.encode  # noqa: F401

    def sign() -> str:
        from stages.prepare.encode import signature

        return signature(dataset)

    mine = signature(dataset)
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        client.run_on_scheduler(import_ours)
    except TimeoutError:
        problem, step = "the Dask cluster has no workers", "start workers (docs/scaling.md), and run again"
        raise _refusal(TransientError, problem, "at least one", "none", address, step) from None
    except ImportError as error:
        raise _unfit(address, [f"the scheduler: {error}"]) from None
    signs = client.run(sign, on_error="return")
    others = {worker: theirs for worker, theirs in sorted(signs.items()) if theirs != mine}
    if others:
        problem = "another dataset, code or library versions"
        raise _unfit(address, [f"{at}: {it if isinstance(it, Exception) else problem}" for at, it in others.items()])


def _unfit(address: str, got: list[str]) -> InputError:
    problem = "the Dask cluster would not make the same records"
    expected = "this project, its library versions and the dataset at the same path on every worker, as here"
    step = "install the same commit and constraints.txt there, share the file system, and start the workers again"
    return _refusal(InputError, problem, expected, "\n    ".join(["", *got]), address, step)


def _refusal(kind: type[InputError], problem: str, expected: str, got: str, address: str, next_step: str) -> InputError:
    return kind(problem, expected=expected, got=got, file=f"{VARIABLE}={address}", next_step=next_step)
