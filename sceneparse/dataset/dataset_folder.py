"""Datasets in directories: which files belong to them, and their content."""

from contextlib import suppress
from pathlib import Path

from sceneparse.core.errors import REPAIR, InputError
from sceneparse.core.zip_reading import check_size
from sceneparse.dataset.layout import CLASS_TABLE, IMAGE_SUFFIXES, SCENES, SPLITS


def dataset_files(folder: Path) -> dict[str, Path]:
    """Return the files of a dataset in `folder`, or in one folder below: member names -> paths.

    The class table tells where the dataset begins; without one, every folder with the layout counts. Raises InputError
    for an unreadable folder or a dangling link.
    """
    try:
        paths = list_files(folder)
        dangling = sorted(name for name, path in paths.items() if not path.is_file())
    except OSError as error:
        raise unopened(folder, str(error)) from None
    if dangling:
        raise unopened(folder, f"links that lead nowhere: {', '.join(dangling)}")
    return paths


def list_files(folder: Path) -> dict[str, Path]:
    """Return the files of `dataset_files`, dangling links and pictures of datasets beside it. Raises OSError."""
    candidates = [folder, *(path for path in folder.iterdir() if path.name[0] != "." and path.is_dir())]
    tables = [place / CLASS_TABLE for place in candidates if _holds_table(place)]
    roots = [table.parent for table in tables] or candidates
    paths = [*tables, *(root / SCENES for root in roots), *(path for root in roots for path in _pictures(root))]
    for place in candidates:
        if place not in roots:
            with suppress(PermissionError):  # of a folder that need not be part of the dataset
                paths += _pictures(place)
    return {path.relative_to(folder).as_posix(): path for path in paths if _is_file(path)}


def _pictures(root: Path) -> list[Path]:
    folders = (root / kind / split for kind in ("images", "annotations") for split in SPLITS)
    # Not glob: it ignores a folder that it cannot read.
    entries = (path for place in folders if place.is_dir() for path in place.iterdir())
    return [path for path in entries if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."]


def read_file(path: Path, most: int) -> bytes:
    """Return a file's content. Raises OSError, which names the target of a dangling link, and ValueError above `most`.

    `most` is a number of bytes.
    """
    try:
        check_size(path.stat().st_size, most)
        return path.read_bytes()
    except OSError as error:
        if path.is_symlink():
            raise OSError(f"a link to {path.readlink()}: {error.strerror}") from None
        raise


def unopened(path: Path, got: str) -> InputError:
    """Return the error for a dataset, zip or directory, of which nothing can be read."""
    return InputError(
        "the dataset cannot be opened",
        expected="a complete zip, or a readable directory",
        got=got,
        file=path,
        next_step=f"replace the zip, or fix the directory; if the download stage wrote it: {REPAIR}",
    )


def _holds_table(folder: Path) -> bool:
    try:
        return _is_file(folder / CLASS_TABLE)
    except PermissionError:  # such as lost+found; if no folder has a table, listing its pictures raises this again
        return False


def _is_file(path: Path) -> bool:
    """Return whether there is a file or a dangling link, which fails when it is read."""
    return (path.is_symlink() and not path.exists()) or path.is_file()
