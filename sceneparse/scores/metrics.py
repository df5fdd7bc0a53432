"""Scores of scene parsing from one integer confusion matrix.

Input: labels and predictions in label space, uint8: 0..N-1 = classes, 255 = ignored in labels,
'no class' in predictions (sceneparse/dataset/labels.py). Output: the confusion matrix, the six scores
and the per-class table. Invariant: pixels are counted in integers, matrices add up over
pictures in any order or grouping, and each score divides once, at the end. A score that does
not exist is None (NaN in tables), never 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sceneparse.core.files import csv_cell, write_text
from sceneparse.dataset.labels import IGNORE, MAX_CLASSES
from sceneparse.scores.score_names import SCORES

if TYPE_CHECKING:  # pandas takes half a second to load, and only the tables need it
    import pandas as pd

Labels = npt.NDArray[np.uint8]
Confusion = npt.NDArray[np.int64]

NONE = "none"  # the prediction for labelled pixels for which no class was predicted


def confusion_matrix(labels: Labels, predictions: Labels, classes: int) -> Confusion:
    """Count pixels by label and prediction.

    labels, predictions: uint8, same shape, 0..classes-1 or 255. Returns int64 [N, N+1]: entry
    (t, p) counts pixels of class t predicted as p; column N those for which no class was
    predicted (255). Pixels without a label count nowhere, as in the official toolkit, which
    drops them from the predictions too. Raises ValueError on another dtype, unequal shapes or
    values in N..254: the function sees arrays, so the caller adds the file's name.
    """
    if not 1 <= classes <= MAX_CLASSES:
        raise ValueError(f"expected 1..{MAX_CLASSES} classes, got {classes}")
    if labels.dtype != np.uint8 or predictions.dtype != np.uint8:
        raise ValueError(f"expected uint8, got labels {labels.dtype}, predictions {predictions.dtype}")
    if labels.shape != predictions.shape:
        raise ValueError(f"expected equal shapes, got labels {labels.shape}, predictions {predictions.shape}")
    # All 256 x 256 combinations in one pass: the ignored row and bad values fall out by slicing.
    codes = (labels.astype(np.uint16) << 8) | predictions
    counts = np.bincount(codes.ravel(), minlength=1 << 16).reshape(256, 256)
    for name, occurrences in (("labels", counts.sum(axis=1)), ("predictions", counts.sum(axis=0))):
        bad = classes + np.flatnonzero(occurrences[classes:IGNORE])
        if bad.size:
            raise ValueError(f"expected {name} 0..{classes - 1} or {IGNORE}, got {', '.join(map(str, bad))}")
    return np.hstack([counts[:classes, :classes], counts[:classes, IGNORE:]]).astype(np.int64)


def scores(confusion: Confusion) -> dict[str, float | None]:
    """Return the six scores, keyed and ordered as SCORES; floats in 0..1, or None where nothing was labelled.

    confusion: int64 [N, N+1] as above, or [N, N]. With IoU = intersection / union per class:

    - mean_iou leaves out classes with an empty union, as mmsegmentation and most papers do.
    - mean_iou_absent_as_zero divides by N and scores such classes 0, as the benchmark's toolkit
      does (github.com/CSAILVision/sceneparsing: `mean(sum(intersection) ./ sum(eps + union))`).
    - benchmark_score is what the benchmark's server ranks by: the toolkit's README has "Final score =
      (Pixel-wise Accuracy + mean(Intersection over Union)) / 2", 0.55 for its sample.
    - mean_accuracy and frequency_weighted_iou are those of Long et al., FCN (CVPR 2015), section 5.
    """
    # Python's integers: a product of two classes' pixels can pass 2^63 on a large training set.
    hits, labelled, _, union = (area.tolist() for area in _areas(confusion))
    total = sum(labelled)
    if total == 0:
        return dict.fromkeys(SCORES)
    ious = [hit / area for hit, area in zip(hits, union, strict=True) if area]
    pixel_accuracy = sum(hits) / total
    absent_as_zero = _mean(ious, over=len(hits))
    weighted = [n * hit / area for n, hit, area in zip(labelled, hits, union, strict=True) if area]
    values = (
        pixel_accuracy,
        _mean([hit / n for hit, n in zip(hits, labelled, strict=True) if n]),
        _mean(ious),
        absent_as_zero,
        _mean(weighted, over=total),
        (pixel_accuracy + absent_as_zero) / 2,
    )
    return dict(zip(SCORES, values, strict=True))


def per_class(confusion: Confusion, names: Sequence[str]) -> pd.DataFrame:
    """Return one row per class: class_id (1..N), name, iou, accuracy, labelled_pixels, predicted_pixels.

    iou is NaN where the union is empty, accuracy where the class has no labelled pixels.
    predicted_pixels counts labelled pixels only.
    """
    import pandas as pd

    hits, labelled, predicted, union = _areas(confusion)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: the class does not exist here
        iou, accuracy = hits / union, hits / labelled
    return pd.DataFrame(
        {
            "class_id": np.arange(1, len(names) + 1),
            "name": list(names),
            "iou": iou,
            "accuracy": accuracy,
            "labelled_pixels": labelled,
            "predicted_pixels": predicted,
        }
    )


def write_tables(confusion: Confusion, names: Sequence[str], per_class_csv: Path, confusion_csv: Path) -> None:
    """Write per_class() and the matrix's cells."""
    write_table(per_class_csv, per_class(confusion, names))
    write_table(confusion_csv, cells(confusion, names))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, atomically; None and NaN become empty cells, floats their shortest exact form."""
    write_text(path, table.map(csv_cell).to_csv(index=False, lineterminator="\n"))


def cells(confusion: Confusion, names: Sequence[str]) -> pd.DataFrame:
    """Return one row per cell that is not empty: both classes, pixels, share of the true class.

    truth_id is 1..N; prediction_id is 1..N, or 0, named 'none', for pixels for which no class was predicted.
    """
    import pandas as pd

    truth, prediction = np.nonzero(confusion)
    pixels, numbers = confusion[truth, prediction], [*range(1, len(names) + 1), 0]
    return pd.DataFrame(
        {
            "truth_id": truth + 1,
            "truth": [names[index] for index in truth.tolist()],
            "prediction_id": [numbers[index] for index in prediction.tolist()],
            "prediction": [[*names, NONE][index] for index in prediction.tolist()],
            "pixels": pixels,
            "share": pixels / confusion.sum(axis=1)[truth],
        }
    )


def _areas(confusion: Confusion) -> tuple[Confusion, Confusion, Confusion, Confusion]:
    """Return pixels per class, each int64 [N]: hits, labelled, predicted, union."""
    classes, columns = confusion.shape
    if columns not in {classes, classes + 1}:
        raise ValueError(f"expected a confusion matrix [N, N] or [N, N+1], got {confusion.shape}")
    hits, labelled = confusion.diagonal(), confusion.sum(axis=1)
    predicted = confusion[:, :classes].sum(axis=0)
    return hits, labelled, predicted, labelled + predicted - hits


def _mean(values: Iterable[float], over: int | None = None) -> float:
    """Return the mean, summed exactly, so that the result does not depend on the order of classes."""
    values = list(values)
    return math.fsum(values) / (over or len(values))
