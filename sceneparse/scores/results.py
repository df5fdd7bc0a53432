"""Results of train and evaluate, read back: scores and tables.

Input: evaluate.json, or one of the tables (CSV, or the TSV of a curve). Output: plain values. Invariant: a score that
does not exist is None; a file that is missing or does not fit is refused by name.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sceneparse.core.documents import load_json
from sceneparse.core.errors import InputError, shortened
from sceneparse.core.files import csv_text
from sceneparse.scores.score_names import SCORES

MOST_BYTES = 1 << 16  # of scores
Scores = dict[str, dict[str, float | None]]  # by protocol (original, resized) and by name, as in SCORES


def read_scores(path: Path) -> Scores:
    """Return the six scores of each protocol. Raises InputError."""
    with results_of(path):
        return load_scores(path)


def load_scores(path: Path) -> Scores:
    """Return the scores in a file like evaluate.json. Raises OSError, ValueError, KeyError or TypeError."""
    content = load_json(path, MOST_BYTES)
    return {
        protocol: {name: _score(content[protocol][name]) for name in SCORES} for protocol in ("original", "resized")
    }


def _score(value: Any) -> float | None:
    if value is None or (isinstance(value, int | float) and 0 <= value <= 1):
        return value
    raise ValueError(f"a score of {shortened(repr(value))}, which is not in 0..1")


def read_table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """Return a table's rows, each a dictionary of cells by column; an empty cell is ''. Raises InputError."""
    with results_of(path), path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter=delimiter)
        return [{column: csv_text(cell) for column, cell in row.items()} for row in rows]


@contextmanager
def results_of(path: Path) -> Iterator[None]:
    """Raise InputError that names `path` when the block cannot read it or its content does not fit."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise InputError(
            "there are no results to show",
            expected="the file that the train or the evaluate stage writes",
            got="no file" if isinstance(error, FileNotFoundError) else shortened(repr(error), 300),
            file=path,
            next_step="make them (sceneparse run, or dvc repro), or fetch those that were pushed: dvc pull",
        ) from None
