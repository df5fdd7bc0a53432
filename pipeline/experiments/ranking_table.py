"""Experiments and the workspace, ranked, as text: a table, or where params make that too wide, a line for each of them.

Input: rows of `dvc exp show`, best first. Output: lines on standard output. Invariant: a note names the experiments
whose dataset is not the workspace's.
"""

from collections.abc import Sequence

from pipeline.experiments.experiment_rows import Experiment
from sceneparse.core.errors import shortened
from sceneparse.core.fields import shown
from sceneparse.core.tables import print_line, print_table

WIDEST = 140  # characters of the table's lines
LONGEST = 40  # of a param's value in a line of its own


def print_ranking(
    rows: Sequence[Experiment], workspace: Experiment, differing: Sequence[str], scores: Sequence[str]
) -> None:
    """Print the experiments and the workspace. `differing`: the params to show; `scores`: full names."""
    names = [name.removeprefix("original.") for name in scores]

    def cells(params: Sequence[str]) -> list[list[object]]:
        return [
            [row.name, row.baseline[:7], *(shown(row.params.get(key)) for key in params), *map(row.scores.get, scores)]
            for row in rows
        ]

    heads, whole = ["experiment", "commit", *differing, *names], cells(differing)
    if _width(heads, whole) <= WIDEST:
        print_table(heads, whole)
    else:
        print_table(["experiment", "commit", *names], cells(()))
        print()
        print_table(["experiment", "param", "value", "workspace"], _changes(rows, workspace, differing))
    if others := [row.name for row in rows if other_dataset(row, workspace)]:
        print()
        print_line(
            "note: another dataset than the workspace's, so scores compare only if the validation images are the same: "
            + ", ".join(others)
        )


def other_dataset(row: Experiment, workspace: Experiment) -> bool:
    """Return whether both datasets are known, and differ."""
    return None not in (row.dataset, workspace.dataset) and row.dataset != workspace.dataset


def _changes(rows: Sequence[Experiment], workspace: Experiment, differing: Sequence[str]) -> list[list[object]]:
    """Return a row for each param that an experiment has and the workspace has not so."""
    return [
        [row.name, key, *(shortened(shown(params.get(key)), LONGEST) for params in (row.params, workspace.params))]
        for row in rows
        for key in differing
        if row.params.get(key) != workspace.params.get(key)
    ]


def _width(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    """Return how many characters a line of the table has; scores have six."""
    cells = [heads, *([cell if isinstance(cell, str) else "0.0000" for cell in row] for row in rows)]
    return sum(max(map(len, column)) + 2 for column in zip(*cells, strict=True)) - 2
