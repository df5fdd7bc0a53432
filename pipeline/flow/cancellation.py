"""Cancellation of a run through Prefect.

The process that serves a run ends it on cancellation; if that process is killed, its run ends too. A run that was
started by hand has no such process: it asks the API every few seconds whether it was cancelled.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from prefect.runtime import deployment, flow_run

ASK_SECONDS = 2.0


class RunCancelledError(Exception):
    """Cancellation of this run in Prefect's UI or API."""


@contextmanager
def heeding_cancellation() -> Iterator[None]:
    """Raise RunCancelledError in the main thread, anywhere in the block, when this flow run is cancelled."""
    finished = threading.Event()
    if deployment.id:
        threading.Thread(target=_end_with, args=(os.getppid(), finished), daemon=True).start()
        try:
            yield
        finally:
            finished.set()
        return

    def cancel(*_: Any) -> None:
        raise RunCancelledError("cancelled through Prefect")

    before = signal.signal(signal.SIGUSR1, cancel)
    watcher = threading.Thread(target=_watch, args=(flow_run.id, finished), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()
        signal.signal(signal.SIGUSR1, before)


def _end_with(parent: int, finished: threading.Event) -> None:
    """Kill this process when the process that serves its run has ended; the supervisor then ends the stage."""
    while not finished.wait(ASK_SECONDS):
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def _watch(run: str, finished: threading.Event) -> None:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException

    while not finished.wait(ASK_SECONDS):
        try:
            with get_client(sync_client=True) as client:
                state = client.read_flow_run(UUID(run)).state
        except (httpx.HTTPError, PrefectException):
            continue  # the server does not answer now: ask again
        if state and (state.is_cancelling() or state.is_cancelled()):
            os.kill(os.getpid(), signal.SIGUSR1)
            return
