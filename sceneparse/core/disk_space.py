"""Space on a disk: how much is free, and whether a file will fit."""

import os
from pathlib import Path

from sceneparse.core.errors import TransientError


def size_text(size: float) -> str:
    """Return a number of bytes in MB, or in GB from 1 GB."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def free_bytes(path: Path) -> int:
    """Return the bytes that this user may still write on the disk of `path`, which need not exist yet."""
    status = _status(path)
    return status.f_bavail * status.f_frsize


def free_text(path: Path) -> str:
    """Return the free bytes on the disk of `path` as text, which also says if the disk takes no further file."""
    status = _status(path)
    full = ", but its table of files is full (df -i)" if status.f_files and not status.f_favail else ""
    return f"{size_text(free_bytes(path))} free{full}"


def check_space(path: Path, need: int, spare: int = 0) -> None:
    """Raise TransientError unless the disk of `path` has room for `need` more bytes and leaves `spare` bytes free."""
    if (free := free_bytes(path)) >= need + spare:
        return
    rest = f", and {size_text(spare)} that stay free" if spare else ""
    raise TransientError(
        "the disk has too little space",
        expected=f"{size_text(need)} for this file or folder{rest}",
        got=f"{size_text(free)} free",
        file=path,
        next_step=f"free {size_text(need + spare - free)} (df -h shows the disks), and run again",
    )


def _status(path: Path) -> os.statvfs_result:
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return os.statvfs(place)
