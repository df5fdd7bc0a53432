"""Checks of the files by which a project runs: dvc.yaml, dvc.lock and params.yaml.

Input: a project's root. Output: the error of a file that cannot be used, with the place. DVC names the bad line only at
times.
"""

import re
from pathlib import Path

from sceneparse.core.documents import load_yaml
from sceneparse.core.errors import InputError, shortened

RESTORE = {  # next step for a file that cannot be read
    "dvc.yaml": "fix that line, or take the last commit's file: git checkout dvc.yaml",
    "params.yaml": "fix that line; or remove the file, then sceneparse preset NAME writes it again",
    "dvc.lock": "sceneparse run restores it; or take the last commit's file (git checkout dvc.lock), or remove it",
}
RESOLVE = {  # next step for a file that holds both sides of a merge
    "dvc.yaml": "keep one version of the lines, then: git add dvc.yaml",
    "params.yaml": "keep the values that you want, then: git add params.yaml",
    "dvc.lock": "take either side (git checkout --ours dvc.lock, or --theirs), then sceneparse run or dvc repro",
}
MOST_BYTES = 1 << 20  # dvc.lock grows with the stages that a user adds
CONFLICT = re.compile(r"^(<<<<<<<|=======$|>>>>>>>)")


def broken_file(root: Path) -> InputError | None:
    """Return the error of the first of dvc.yaml, dvc.lock and params.yaml that cannot be used, or None."""
    for name in ("dvc.yaml", "dvc.lock", "params.yaml"):
        path = root / name
        if path.is_file():
            if broken := _conflict(path) or _unreadable(path):
                return broken
        elif name != "dvc.lock":  # the first run writes it
            step = f"git checkout {name}, or change into the project's folder, which holds .dvc and dvc.yaml"
            return _broken(path, f"there is no {name}", "the project's file", "no file", step)
    return None


def check_merged(root: Path) -> None:
    """Raise InputError for a file that holds both sides of a merge."""
    for name in RESOLVE:
        if (root / name).is_file() and (conflict := _conflict(root / name)):
            raise conflict


def _conflict(path: Path) -> InputError | None:
    marks = [
        f"line {number}: {shortened(line)}"
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if CONFLICT.match(line)
    ]
    if not any("<<<<<<<" in mark for mark in marks):
        return None
    got = ", ".join(marks[:3]) + (f" and {len(marks) - 3} more" if len(marks) > 3 else "")
    return _broken(path, f"{path.name} holds both sides of a merge", "one side", got, RESOLVE[path.name])


def _unreadable(path: Path) -> InputError | None:
    problem, step = f"{path.name} cannot be read", RESTORE[path.name]
    try:
        content = load_yaml(path, MOST_BYTES)
    except (ValueError, OSError) as error:
        return _broken(path, problem, "YAML in UTF-8", str(error), step)
    if not isinstance(content, dict):
        got = "an empty file" if content is None else f"a {type(content).__name__}"
        return _broken(path, problem, "sections with keys", got, step)
    if path.name == "dvc.lock" and content.get("schema") != "2.0":
        step = "update DVC to the version that wrote it, or remove the file: the next run writes it again"
        return _broken(path, problem, "schema '2.0'", f"schema {shortened(repr(content.get('schema')))}", step)
    return None


def _broken(path: Path, problem: str, expected: str, got: str, step: str) -> InputError:
    return InputError(problem, expected=expected, got=got, file=path, next_step=step)
