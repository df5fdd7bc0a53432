"""Cost of size and stride alone: the IoU of the truth itself, squeezed through the records' size and a stride.

    python -m benchmarks.bounds DATASET.zip --sizes 256 384 --strides 1 8 16 32

Each validation annotation is resized to the records' size by nearest neighbour. Its classes are averaged over cells of
stride x stride pixels, as shares, which are upsampled bilinearly, resized to the picture's own size and decided by the
largest: what the network's output would be if it knew each cell's shares of classes and nothing else. A network can do
a little better, as it may give a thin class a higher score than its share.
"""

import argparse
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from sceneparse.core.tables import print_table
from sceneparse.core.types import Tensor
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.images import Pixels, decode_annotation
from sceneparse.dataset.labels import to_labels
from sceneparse.scores.metrics import confusion_matrix, per_class, scores

STRIDES = (1, 8, 16, 32)


def squeezed(annotation: Image.Image, size: int, stride: int, classes: int) -> Pixels:
    """Return labels of the annotation's own size, uint8 [H, W], that are left of it."""
    small = np.asarray(annotation.resize((size, size), Image.Resampling.NEAREST))
    shares: Tensor = tf.one_hot(to_labels(small), classes)[tf.newaxis]  # ignored pixels have none
    cells = tf.nn.avg_pool2d(shares, stride, stride, "VALID")
    upsampled = tf.image.resize(cells, [size, size])
    whole = tf.image.resize(upsampled, [annotation.height, annotation.width])
    labels: Pixels = tf.argmax(whole, axis=-1)[0].numpy().astype(np.uint8)
    return labels


def main() -> None:
    """Parse flags and print a row for each size and stride, with the IoU of each class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256], help="of the records (default: 256)")
    parser.add_argument("--strides", type=int, nargs="+", default=[*STRIDES], help="(default: 1 8 16 32)")
    flags = parser.parse_args()
    variants = [(size, stride) for size in flags.sizes for stride in flags.strides]
    with Archive(flags.dataset) as archive:
        names = archive.classes
        matrices = {variant: np.zeros((len(names), len(names) + 1), np.int64) for variant in variants}
        for pair in archive.pairs("validation"):
            annotation = decode_annotation(archive.content(pair.annotation))
            truth = to_labels(np.asarray(annotation))
            for size, stride in variants:
                labels = squeezed(annotation, size, stride, len(names))
                matrices[size, stride] += confusion_matrix(truth, labels, len(names))
    rows = [
        [*variant, scores(matrix)["mean_iou"], *per_class(matrix, names)["iou"]] for variant, matrix in matrices.items()
    ]
    print_table(
        ["size", "stride", "mean_iou", *names], [[*row[:2], *(f"{value:.2f}" for value in row[2:])] for row in rows]
    )


if __name__ == "__main__":
    main()
