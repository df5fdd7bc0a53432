"""Params that have changed since the stages ran.

Input: a project's root. Output: the names of params whose values differ between params.yaml and dvc.lock, which records
those that each stage ran with.
"""

from pathlib import Path
from typing import Any

from pipeline.repro.lockfile import LOCK, is_whole
from pipeline.repro.param_paths import PARAMS
from pipeline.repro.project_files import MOST_BYTES, RESTORE, broken_file
from sceneparse.core.documents import load_yaml
from sceneparse.core.errors import InputError
from sceneparse.core.fields import flat, leaves


def changed_params(root: Path) -> list[str]:
    """Return the dotted names; none where nothing has run yet. Raises InputError for a file that cannot be read."""
    if not (root / LOCK).is_file():
        return []
    if broken := broken_file(root):
        raise broken
    if not is_whole((root / LOCK).read_text()):
        problem, got = "dvc.lock is torn", "stages of which parts are missing"
        raise InputError(problem, expected="DVC's schema", got=got, file=root / LOCK, next_step=RESTORE[str(LOCK)])
    recorded: dict[str, Any] = {}
    for stage in load_yaml(root / LOCK, MOST_BYTES).get("stages", {}).values():
        recorded |= stage.get("params", {}).get(str(PARAMS), {})
    current = flat(load_yaml(root / PARAMS))
    before, now = leaves(recorded), leaves({key: current.get(key) for key in recorded})
    return sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
