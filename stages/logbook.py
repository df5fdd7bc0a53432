"""What training leaves to look at: the history of its epochs, as DVCLive's files and TensorBoard's logs.

The history is the truth and travels in the checkpoints; DVCLive's files are written anew from it when
a run goes on, so that they hold every epoch exactly once, however often the run was killed.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from stages.score.metrics import Confusion, scores

log = logging.getLogger(__name__)

Row = dict[str, Any]
DOMINANT = 0.99  # share of all predictions at which a class counts as the only one


class Logbook:
    """The epochs so far, and the loggers that show them. Use as a context manager."""

    def __init__(self, curves: Path, tensorboard: Path, history: list[Row]) -> None:
        import tensorflow as tf
        from dvclive import Live

        self.history = history
        self.curves = curves
        # Begins with an empty directory. Only files: no experiment, report, dvc.yaml or hardware figures of its own.
        self._live = Live(str(self.curves), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False)
        self._scalar = tf.summary.scalar
        self._writer = tf.summary.create_file_writer(str(tensorboard))
        for row in history:
            self._write_curves(row)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.end()
        self._writer.close()

    def add(self, row: Row) -> None:
        """Log an epoch."""
        self.history.append(row)
        self._write_curves(row)
        with self._writer.as_default(step=row["step"]):
            for name, value in row.items():
                self._scalar(name, value)
            self._writer.flush()

    def best(self) -> Row:
        """The first epoch with the highest validation mIoU."""
        return max(self.history, key=lambda row: float(row["validation/mean_iou"]))

    def _write_curves(self, row: Row) -> None:
        self._live.step = row["step"]
        for name, value in row.items():
            if name != "step":
                self._live.log_metric(name, value)
        self._live.make_summary()


def epoch_row(step: int, loss: float, learning_rate: float, validation_loss: float, confusion: Confusion) -> Row:
    """An epoch of the history, under the names that DVCLive and TensorBoard show."""
    score = scores(confusion)
    return {
        "step": step,
        "train/loss": loss,
        "train/learning_rate": learning_rate,
        "validation/loss": validation_loss,
        "validation/mean_iou": score["mean_iou"] or 0.0,
        "validation/pixel_accuracy": score["pixel_accuracy"] or 0.0,
    }


def warn_if_one_class(confusion: Confusion, classes: Sequence[str]) -> None:
    """Say so when the network predicts one class nearly everywhere and the truth does not."""
    total, labelled, predicted = confusion.sum(), confusion.sum(axis=1), confusion.sum(axis=0)
    top = int(predicted.argmax())
    if predicted[top] >= DOMINANT * total > labelled[top]:
        log.warning(
            "%.1f%% of all predictions are '%s': the network does not tell classes apart. If this lasts "
            "beyond the first epochs, lower train.learning_rate or raise train.class_weighting",
            100 * predicted[top] / total,
            classes[top],
        )
