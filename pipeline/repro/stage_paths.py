"""Paths that dvc.yaml gives to the stages, read without DVC and a YAML reader: every command's help shows some.

Input: a flag of a stage's command. Output: the path after it, relative to the project's root.
"""

import re
from pathlib import Path

from sceneparse.core.errors import InputError

ROOT = Path(__file__).parents[2]  # of the project that this code is part of


def stage_path(flag: str, root: Path = ROOT) -> Path:
    """Return the path that commands in dvc.yaml give to a flag: '--model' -> models/fcn8s.keras. Raises InputError.

    Stages that share a flag share its path.
    """
    file = root / "dvc.yaml"
    text = file.read_text() if file.is_file() else ""
    match = re.search(rf"\s{flag}\s+([^\s\"']+)", text)
    if not match:
        raise InputError(
            f"no stage has a path {flag}",
            expected=f"a stage's command with {flag} PATH",
            got="none" if text else "no file",
            file=file,
            next_step="git checkout dvc.yaml",
        )
    return Path(match[1])
