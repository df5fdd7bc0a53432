"""DVC's lock on a workspace, and its list of the processes that read or write outputs there while the lock is free."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.repro.dvc_errors import at_work, dvc_understood


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

    DVC writes the list in place. A kill at that moment leaves a torn list, which makes every DVC command fail. This
    function removes it: nobody writes the list while its lock is held here, so its writer is gone.
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
    return [*content.get("write", {}).values(), *itertools.chain(*content.get("read", {}).values())]
