"""The files below a folder that a user names; links are followed, hidden files and folders are ignored.

A name that begins with a dot is hidden: `.DS_Store`, `.ipynb_checkpoints`, or `._a.jpg`, which macOS writes beside
a.jpg on foreign disks.
"""

import os
from collections import deque
from pathlib import Path


def files_below(folder: Path, errors: list[OSError], leave: Path | None = None) -> list[Path]:
    """Return all files below `folder`, sorted; a dangling link counts as a file.

    Each folder is searched once: under its own name if it lies below `folder`, else under the name of the first link to
    it. So links may form circles. Links to folders above `folder` and the folder `leave` are ignored. `errors` collects
    the errors of folders that cannot be read.
    """
    files: list[Path] = []
    own, linked = [folder], deque[Path]()
    searched = {_identity(place) for place in (*folder.absolute().resolve().parents, *([leave] if leave else []))}
    searched.discard(_identity(folder))
    while own or linked:
        place = own.pop() if own else linked.popleft()
        try:
            if (identity := _identity(place, strict=True)) in searched:
                continue
            searched.add(identity)
            with os.scandir(place) as entries:
                listed = sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
        except OSError as error:
            errors.append(error)
            continue
        for entry in listed:
            path = place / entry.name
            if entry.is_symlink():
                (linked if path.is_dir() else files).append(path)
            elif entry.is_dir():
                own.append(path)
            elif entry.is_file():
                files.append(path)
    return sorted(files)


def _identity(folder: Path, *, strict: bool = False) -> tuple[int, int] | None:
    """Return a folder's device and inode, equal for all its names; on error None, or OSError if `strict`."""
    try:
        status = folder.stat()
    except OSError:
        if strict:
            raise
        return None
    return status.st_dev, status.st_ino
