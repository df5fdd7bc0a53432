"""Name of a training's run in TensorBoard: when it began, and which params differ from the committed ones.

Input: the params of the training, and params.yaml in the last commit of Git. Output: a folder that is named as in
`2026-11-30 14.05 learning_rate=0.0005`. Invariant: a resumed training keeps its folder. A name has a date, so it must
never be in an output of the stage.
"""

import re
import subprocess
from collections.abc import Mapping
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from sceneparse.core.documents import parse_yaml
from sceneparse.core.fields import leaves, shown
from sceneparse.core.files import write_text

NAMED = 4  # most params in a name
LETTERS = 30  # most characters of a value: its last ones, which tell paths apart


def run_folder(runs: Path, note: Path, params: Mapping[str, Any], defaults: Mapping[str, Any]) -> Path:
    """Return the folder below `runs` that `note` names; without a note, choose a new name and note it.

    params, defaults: values by their dotted names.
    """
    if not note.exists():
        differences = name_differences(params, {**defaults, **committed_params()})
        write_text(note, _free(runs, f"{datetime.now():%Y-%m-%d %H.%M} {differences}".strip()))
    return runs / note.read_text()


def name_differences(params: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """Return the values of `params` that `base` lacks, as in `batch_size=8 learning_rate=0.0005`, fit for a path."""
    pairs = [f"{name}={_part(value)}" for name, value in params.items() if value != base.get(name)]
    more = [f"and {len(pairs) - NAMED} more"] if len(pairs) > NAMED else []
    return " ".join(pairs[:NAMED] + more)


def committed_params() -> dict[str, Any]:
    """Return the values in sections model and train of the committed params.yaml; none where Git has no such file."""
    try:
        # Unlike `git show`, this starts no filter that the repository names.
        command = ["git", "cat-file", "blob", "HEAD:./params.yaml"]
        done = subprocess.run(command, capture_output=True, check=False)
        content = parse_yaml(done.stdout.decode())
    except (FileNotFoundError, ValueError):  # no Git; a file that is no YAML
        return {}
    sections = content if isinstance(content, dict) else {}
    wanted = [sections.get(name) for name in ("model", "train")]
    return {name: value for section in wanted if isinstance(section, dict) for name, value in leaves(section).items()}


def _part(value: object) -> str:
    """Return a value without what paths do not take: as its file's name if it is a path."""
    return re.sub(r"[^\w.+-]+", "_", shown(value).rpartition("/")[2], flags=re.ASCII)[-LETTERS:]


def _free(runs: Path, name: str) -> str:
    names = chain([name], (f"{name} ({number})" for number in count(2)))
    return next(each for each in names if not (runs / each).exists())
