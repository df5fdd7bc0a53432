"""Confusions: the pairs of classes that the model confuses most, and a heat map of the classes in them.

Input: the confusion matrix's cells that are not empty. Output: choices of them. Invariant: ties go to the lower
annotation value.
"""

from collections.abc import Sequence

from sceneparse.report.charts import Spec, confusion_spec
from sceneparse.report.measured import Confused


def most_confused(cells: Sequence[Confused]) -> list[Confused]:
    """Return pairs of a true class and another that was predicted, most pixels first."""
    wrong = [cell for cell in cells if cell.prediction_id not in (cell.truth_id, 0)]
    return sorted(wrong, key=lambda cell: (-cell.pixels, cell.truth_id, cell.prediction_id))


def confused_classes(cells: Sequence[Confused], most: int) -> list[int]:
    """Return the annotation values of the classes in the most confused pairs: at most `most`, ascending."""
    classes: set[int] = set()
    for cell in most_confused(cells):
        both = classes | {cell.truth_id, cell.prediction_id}
        if len(both) <= most:
            classes = both
    return sorted(classes)


def heat_map(cells: Sequence[Confused], names: Sequence[str], most: int) -> Spec | None:
    """Build the heat map of the most confused classes, or None. names: class names, indexed by annotation value."""
    shown = confused_classes(cells, most)
    # Names need not be unique: the number tells such classes apart.
    labels = {value: names[value] if names.count(names[value]) == 1 else f"{names[value]} ({value})" for value in shown}
    rows: list[Spec] = [
        {
            "truth": labels[cell.truth_id],
            "prediction": labels[cell.prediction_id],
            "pixels": cell.pixels,
            "share": round(cell.share, 5),
        }
        for cell in cells
        if cell.truth_id in labels and cell.prediction_id in labels
    ]
    return confusion_spec(rows, list(labels.values())) if shown else None
