"""Root of the project that holds a directory, found without DVC, whose import takes a quarter of a second."""

from pathlib import Path

from pipeline.repro.project_files import check_merged
from sceneparse.core.errors import InputError


def find_root(directory: Path) -> Path | None:
    """Return the root of the DVC repository that holds `directory`: the nearest with .dvc, as DVC finds it."""
    for place in (directory.absolute(), *directory.absolute().parents):
        if (place / ".dvc").is_dir():
            return place
        if place.is_mount():
            break
    return None


def project_root(directory: Path) -> Path:
    """Return the root of the DVC repository that holds `directory`.

    Raises InputError if there is none, or if dvc.yaml, params.yaml or dvc.lock holds both sides of a merge.
    """
    root = find_root(directory)
    if root is None:
        raise InputError(
            "this is no DVC repository",
            expected="a clone of the project, with dvc.yaml and .dvc",
            got="no .dvc in this folder or above it",
            file=directory.resolve(),
            next_step="change into the project's directory",
        )
    check_merged(root)
    return root


def in_git(root: Path) -> bool:
    """Return whether a Git repository holds `root`. Without one DVC needs core.no_scm."""
    return any((folder / ".git").exists() for folder in [root.resolve(), *root.resolve().parents])
