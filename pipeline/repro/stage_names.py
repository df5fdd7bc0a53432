"""Check of a stage's name before DVC and Prefect load, which takes seconds."""

from collections.abc import Collection
from pathlib import Path

from pipeline.repro.project_root import find_root
from sceneparse.core.documents import load_yaml
from sceneparse.core.errors import InputError, did_you_mean

FILE = "dvc.yaml"


def check_stage_name(directory: Path, name: str | None) -> None:
    """Raise InputError when the dvc.yaml of the repository that holds `directory` has no such stage.

    Only plain names are checked, and only if dvc.yaml can be read; DVC checks the others.
    """
    root = find_root(directory)
    if name is None or root is None or not set(name).isdisjoint("/:@."):  # a stage of another file, or of a foreach
        return
    try:
        names = list(load_yaml(root / FILE)["stages"])
    except (OSError, ValueError, TypeError, KeyError):
        return
    if name not in names:
        raise no_such_stage(name, names, root / FILE)


def no_such_stage(name: str, names: Collection[str], file: Path) -> InputError:
    """Return the error for an unknown stage's name."""
    return InputError(
        "there is no such stage",
        expected=", ".join(names),
        got=f"{name}{did_you_mean(name, names)}",
        file=file,
        next_step="use one of those names",
    )
