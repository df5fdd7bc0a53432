"""What a run of the stages left behind, read back: scores, the classes' table, the pictures.

Input: the project's directory, with the paths that dvc.yaml gives to the stages. Output: plain values.
"""

import json
from pathlib import Path
from typing import Any

from sceneparse.core.errors import InputError

SCORES = Path("metrics/evaluate.json")
PER_CLASS = Path("metrics/per_class.csv")
MODEL = Path("models/fcn8s.keras")
REPORT = Path("report/index.html")
PICTURES = Path("report/pictures")

Scores = dict[str, dict[str, float | None]]


def read_scores(path: Path) -> Scores:
    """The six scores by protocol (`original`, `resized`), as evaluate wrote them. Raises InputError."""
    try:
        content = json.loads(path.read_text())
        sections: Scores = {name: dict(content[name]) for name in ("original", "resized")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "there are no results to show",
            expected="the scores that the evaluate stage writes",
            got=repr(error),
            file=path,
            next_step="run the pipeline: sceneparse run, or dvc repro",
        ) from None
    return sections


def read_note(path: Path) -> dict[str, Any]:
    """A JSON object that an earlier run wrote; empty when there was none. Raises InputError on a damaged one."""
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise InputError(
            "the note of an earlier run is damaged",
            expected="a JSON object",
            got=repr(error),
            file=path,
            next_step="remove the file: the next run starts it anew",
        ) from None
