"""Which classes are taken for which: the most confused pairs, and the classes among which most of it happens.

Input: the confusion matrix's cells that are not empty. Output: choices of them. Invariant: of equals those with lower
annotation values come first.
"""

from collections.abc import Sequence

from stages.visualize.charts import Spec, confusion_spec
from stages.visualize.measured import Confused


def most_confused(cells: Sequence[Confused]) -> list[Confused]:
    """Pairs of a true class and another one that was predicted, those with the most pixels first."""
    wrong = [cell for cell in cells if cell.prediction not in (cell.truth, 0)]
    return sorted(wrong, key=lambda cell: (-cell.pixels, cell.truth, cell.prediction))


def confused_classes(cells: Sequence[Confused], most: int) -> list[int]:
    """Annotation values of the classes in the most confused pairs, at most so many, in ascending order."""
    found: set[int] = set()
    for cell in most_confused(cells):
        both = found | {cell.truth, cell.prediction}
        if len(both) <= most:
            found = both
    return sorted(found)


def heat_map(cells: Sequence[Confused], names: Sequence[str], most: int) -> Spec | None:
    """Of those classes; None where nothing was confused. names: by annotation value."""
    shown = confused_classes(cells, most)
    # Names need not be unique: the number tells such classes apart.
    labels = {value: names[value] if names.count(names[value]) == 1 else f"{names[value]} ({value})" for value in shown}
    rows: list[Spec] = [
        {
            "truth": labels[cell.truth],
            "prediction": labels[cell.prediction],
            "pixels": cell.pixels,
            "share": round(cell.share, 5),
        }
        for cell in cells
        if cell.truth in labels and cell.prediction in labels
    ]
    return confusion_spec(rows, list(labels.values())) if shown else None
