"""TensorBoard's events of a training: its params, curves, pictures and gradients.

TensorBoard sorts groups, the part of a tag before the slash, by name: the numbers put the scores first. It draws runs
that share a tag in one graph: the training's folder, and the folder `validation` below it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from sceneparse.core.types import Tensor

SCORES, RATE, PICTURES, NORMS = "1 scores", "2 learning rate", "3 pictures", "4 gradient norms"
GRADIENTS, ACTIVATIONS, WEIGHTS = "5 gradients", "6 activations", "7 weights"  # with train.debug


class Events:
    """Writers of a training's event files in `folder`. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.training, self.validation = (
            tf.summary.create_file_writer(str(path)) for path in (folder, folder / "validation")
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.training.close()
        self.validation.close()

    def add_params(self, params: Mapping[str, Any]) -> None:
        """Write the params, by their names, as a row of TensorBoard's table; None becomes 'none'."""
        values = {name: "none" if value is None else value for name, value in params.items()}
        with self.training.as_default():
            hparams.hparams(values, trial_id=self.folder.name)

    def add_scores(self, row: Mapping[str, Any]) -> None:
        """Write the values of an epoch's row, whose names begin with their split."""
        writers = {"train": self.training, "validation": self.validation}
        for name, value in row.items():
            split, _, score = name.partition("/")
            if score:
                with writers[split].as_default(step=row["step"]):
                    tf.summary.scalar(f"{RATE if score == 'learning_rate' else SCORES}/{score}", value)
        for writer in writers.values():
            writer.flush()

    def add_norms(self, step: int, layers: Sequence[str], norms: Sequence[float]) -> None:
        """Write the mean gradient norm of each layer."""
        with self.training.as_default(step=step):
            for layer, norm in zip(layers, norms, strict=True):
                tf.summary.scalar(f"{NORMS}/{layer}", norm)

    def add_pictures(self, step: int, pictures: Tensor) -> None:
        """Write pictures of validation scenes, uint8 [B, H, W, 3]."""
        with self.validation.as_default(step=step):
            tf.summary.image(f"{PICTURES}/validation", pictures, max_outputs=len(pictures))
        self.validation.flush()
