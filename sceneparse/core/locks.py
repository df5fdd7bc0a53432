"""Locks on files: one process at a time does a piece of work, and the error of a second one names the first.

A lock belongs to an open file, so the kernel frees that of a killed process. A lock's file names its holder; it exists
while the lock is held, or after a kill, when the next holder takes it over. An output's lock lies beside the output,
where every process that writes there meets it, and not in the output, which DVC removes before its stage runs.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

from sceneparse.core.errors import BusyError, InputError


@contextmanager
def locked(lock: Path, work: str) -> Iterator[None]:
    """Hold the lock during `work`. Raises BusyError, which names the holder, while another process has it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    file = open_alone(lock)
    if file is None:
        raise BusyError(
            f"another process is {work}",
            expected="one at a time",
            got=_holder(lock),
            file=lock,
            next_step="wait for it to end, or stop it",
        )
    with file:
        with suppress(OSError):  # a full disk: the lock holds without its holder's name
            file.truncate(0)
            os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}, {work}".encode())
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)  # while it is held: nobody else can have it


def output_lock(path: Path) -> AbstractContextManager[None]:
    """Return the lock on writing an output, a file or a directory. Raises BusyError as `locked` does."""
    return locked(path.with_name(f".{path.name}.lock"), f"writing {path}")


def open_alone(path: Path) -> IO[bytes] | None:
    """Open a file for this process alone, and create it if it is missing; return None while another process has it.

    The file stays this process's until it is closed. Raises InputError where the disk knows no locks.
    """
    while True:
        file = open(path, "r+b", opener=_create)  # noqa: SIM115 - the caller closes it
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError as error:
            file.close()
            raise InputError(
                "the disk cannot lock files",
                expected="a file system with flock",
                got=str(error.strerror),
                file=path,
                next_step="use a folder on another disk; Lustre needs the mount option flock",
            ) from None
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return file
        file.close()  # its last user renamed or removed it in between


def _create(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_CREAT, 0o666)


def _holder(lock: Path) -> str:
    """Return what the holder wrote about itself; it may be writing that, or have ended since."""
    with suppress(OSError):
        return lock.read_text(errors="replace") or "a process that has just begun"
    return "a process that has just ended"
