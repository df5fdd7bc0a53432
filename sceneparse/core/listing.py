"""List the files below a folder that a person names: links are followed, hidden files and folders are left out.

Hidden are names that begin with a dot: `._a.jpg`, which macOS writes beside a.jpg on foreign disks, `.DS_Store`,
`.ipynb_checkpoints`.
"""

import os
from collections import deque
from pathlib import Path


def files_below(folder: Path, errors: list[OSError], leave: Path | None = None) -> list[Path]:
    """Return all files below `folder`, sorted; a link that leads nowhere is a file too.

    Each folder is searched once: under its own name if it lies below, else under that of the first link to it. So
    links may form circles. A link to a folder above `folder` is not followed, and `leave` below it is not searched.
    `errors` gets what folders refuse.
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
    """Return what tells a folder from all others, whatever its name. Raises OSError if `strict`."""
    try:
        status = folder.stat()
    except OSError:
        if strict:
            raise
        return None
    return status.st_dev, status.st_ino
