"""Cancelling a run that nobody else watches over.

A served run is ended by the process that serves it, and ends with it when that one is killed. One that was started by
hand has no such process: it asks the API itself, every few seconds, whether it was cancelled there.
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
    """The run was cancelled in Prefect's UI or API."""


@contextmanager
def heeding_cancellation() -> Iterator[None]:
    """Raise RunCancelledError in the main thread, wherever it is, once this flow run is being cancelled."""
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
    """End at once, as by kill -9, when the process that serves this run is gone; the supervisor ends its stage."""
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
            continue  # the server is away for the moment: ask again
        if state and (state.is_cancelling() or state.is_cancelled()):
            os.kill(os.getpid(), signal.SIGUSR1)
            return
