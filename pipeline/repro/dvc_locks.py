"""DVC's lock on a workspace, and its list of the processes that read or write outputs there while the lock is free."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from pipeline.repro.dvc_errors import at_work, dvc_understood
from sceneparse.core.files import write_text

CLOCK_SECONDS = 10.0  # by which the clock may have been set back since


@contextmanager
def lock_understood(root: Path) -> Iterator[None]:
    """Turn DVC's lock error into BusyError, and its other errors into InputError."""
    from dvc.lock import LockError

    with dvc_understood(root):
        try:
            yield
        except LockError as error:
            raise at_work(root, str(error).splitlines()[0]) from None


def users(root: Path, repo: Any) -> list[dict[str, Any]]:
    """Return the processes that read or write outputs: while a stage runs, DVC lists them, and releases its lock.

    DVC asks of an entry only whether its process id is alive, and a kill at the wrong moment leaves an entry. After a
    restart of the machine another process may have that id, and would block every command for good. So this function
    removes the entries of processes that are younger than the list. It also removes a torn list, which makes every DVC
    command fail: nobody writes the list while its lock is held here, so its writer is gone.
    """
    from dvc.lock import make_lock
    from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK

    folder = Path(repo.tmp_dir or "")
    file, hard = folder / RWLOCK_FILE, bool(repo.config["core"].get("hardlink_lock"))
    with lock_understood(root), make_lock(folder / RWLOCK_LOCK, tmp_dir=folder, hardlink_lock=hard):
        try:
            content = json.loads(file.read_text()) if file.exists() else {}
        except json.JSONDecodeError:
            file.unlink()
            return []
        entries = [*content.get("write", {}).values(), *itertools.chain(*content.get("read", {}).values())]
        if not entries:
            return []
        written = file.stat().st_mtime
        alive = [entry for entry in entries if _may_have_written(entry["pid"], written)]
        if len(alive) < len(entries):
            write = {path: entry for path, entry in content.get("write", {}).items() if entry in alive}
            readers = content.get("read", {}).items()
            read = {path: left for path, each in readers if (left := [entry for entry in each if entry in alive])}
            write_text(file, json.dumps({"write": write, "read": read}))
    return alive


def _may_have_written(pid: int, written: float) -> bool:
    """Return whether a process is alive, and was when the list was written (seconds since 1970)."""
    try:
        return psutil.Process(pid).create_time() < written + CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False
