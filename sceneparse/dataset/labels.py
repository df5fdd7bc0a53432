"""Annotation values, labels and the network's outputs: what each number means, and the way from one to the other.

annotation values  0 = 'other', 1..N = classes: everything stored or shown (archive, records, predictions as PNG)
labels             0..N-1 = classes, 255 = ignored: only beside logits
outputs            the channels of the logits, 0..N-1 = classes; where 'other' is a class of its own (model.other:
                   class) one more, N, stands for it

The functions take a NumPy array or a TensorFlow tensor of any shape. Annotation values and labels are uint8, so at most
254 classes fit, and to_labels and to_annotation rely on unsigned wrap-around: 0 - 1 = 255 is the ignore label,
255 + 1 = 0 is 'other'.
"""

from collections.abc import Sequence
from typing import TypeVar

from sceneparse.core.types import Tensor

IGNORE = 255
MAX_CLASSES = 254

Value = TypeVar("Value")


def to_labels(annotation: Tensor) -> Tensor:
    """Convert annotation values (uint8) to labels (uint8): k -> k - 1, 0 -> 255."""
    return annotation - 1


def to_annotation(labels: Tensor) -> Tensor:
    """Convert labels (uint8) to annotation values (uint8): k -> k + 1, 255 -> 0."""
    return labels + 1


def count_outputs(classes: int, ignores_other: bool) -> int:
    """Return how many outputs a network for N classes has."""
    return classes if ignores_other else classes + 1


def count_classes(outputs: int, ignores_other: bool) -> int:
    """Return N of a network with so many outputs: undoes `count_outputs`."""
    return outputs if ignores_other else outputs - 1


def by_output(values: Sequence[Value], ignores_other: bool) -> list[Value]:
    """Return values of the annotation values 0..N in the order of the outputs."""
    other, *classes = values
    return classes if ignores_other else [*classes, other]


def labels_to_outputs(labels: Tensor, classes: int, outputs: int) -> Tensor:
    """Convert labels (uint8) to indices of outputs: k -> k; 255 -> N, or 255 where 'other' has no output."""
    # In uint8 255 + N + 1 is N.
    return labels if outputs == classes else labels + labels // IGNORE * (classes + 1)


def outputs_to_annotation(best: Tensor, classes: int, outputs: int) -> Tensor:
    """Convert indices of outputs (integers), as of the highest of `outputs` scores, to annotation values."""
    return best + 1 if outputs == classes else (best + 1) % (classes + 1)


def without_other(scores: Tensor, classes: int) -> Tensor:
    """Return the classes' channels of scores [..., outputs]."""
    return scores[..., :classes]
