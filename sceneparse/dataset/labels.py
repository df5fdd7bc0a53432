"""Label remap: annotation values 0 = other, 1..N = classes  <->  labels 0..N-1, 255 = ignored.

Everything stored or shown (archive, records, predictions as PNG) holds annotation values; labels exist only beside
logits. Both are uint8, so at most 254 classes fit. The functions take a NumPy array or a TensorFlow tensor of any
shape and rely on unsigned wrap-around: 0 - 1 = 255 is the ignore label, 255 + 1 = 0 is 'other'.
"""

from sceneparse.core.types import Tensor

IGNORE = 255
MAX_CLASSES = 254


def to_labels(annotation: Tensor) -> Tensor:
    """Convert annotation values (uint8) to labels (uint8): k -> k - 1, 0 -> 255."""
    return annotation - 1


def to_annotation(labels: Tensor) -> Tensor:
    """Convert labels (uint8) to annotation values (uint8): k -> k + 1, 255 -> 0."""
    return labels + 1
