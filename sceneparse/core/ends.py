"""Ends of processes: signals that let blocks clean up, and owners whose end is noticed, `kill -9` included.

A stage that DVC started ends with DVC, which on SIGTERM dies alone and leaves its stage at work. A worker process ends
with the process that it computes for. A process that was started by hand follows nobody: its shell may end on purpose.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing import parent_process

import psutil

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2


def stop_numbers() -> list[signal.Signals]:
    """Return the signals that ask this process to end: Ctrl-C, SIGTERM, SIGHUP; not those that nohup or & ignores."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


def exit_on_stops() -> list[int]:
    """Exit with 128 + its number on a signal that asks to end; return a list that grows with every such signal."""
    stops: list[int] = []

    def stop(number: int, _: object) -> None:
        stops.append(number)
        sys.exit(128 + number)

    for number in stop_numbers():
        signal.signal(number, stop)
    return stops


def end_with(owners: Sequence[psutil.Process | None], stops: Sequence[int]) -> None:
    """Send this process SIGTERM once one of its owners has ended, unless a signal has stopped it. None: has ended."""

    def watch() -> None:
        while all(map(_runs, owners)):
            time.sleep(POLL_SECONDS)
        if not stops:
            log.warning("the process that started this one has ended")
        for _ in range(2):  # a signal does not interrupt a call that begins to wait just then
            if not stops:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(POLL_SECONDS)

    if owners:
        threading.Thread(target=watch, daemon=True).start()


def process_of(number: int) -> psutil.Process | None:
    """Return the process with this id, or None if it has ended."""
    try:
        return psutil.Process(number)
    except psutil.NoSuchProcess:
        return None


def starter(variable: str) -> psutil.Process | None:
    """Return the process that set an environment variable for this one, or None if it has ended.

    Shells between the two have the variable as well.
    """
    try:
        for process in psutil.Process().parents():
            if _environment(process).get(variable) != os.environ[variable]:
                return None if _adopts(process) else process
    except psutil.NoSuchProcess:  # it ended in between
        pass
    return None


def end_with_owner() -> None:
    """Let this worker process of multiprocessing end at once when its owner has ended: it has nothing to save."""

    def watch() -> None:
        if owner := parent_process():
            owner.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _runs(process: psutil.Process | None) -> bool:
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.AccessDenied:  # another user's
        return {}


def _adopts(process: psutil.Process) -> bool:
    """Return whether a process takes over orphans, as init does. In a container process 1 may be DVC itself."""
    return (process.pid == 1 or process.name() == "systemd") and not process.name().startswith(("dvc", "python"))
