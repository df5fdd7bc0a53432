"""History of a training's epochs, and its copies as DVCLive's files and TensorBoard's events.

The history is the truth and travels in the checkpoints. A resumed run writes DVCLive's files again
from it, so that they hold every epoch exactly once, however often the run was killed.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
from dvclive import Live

from sceneparse.core.files import write_text
from sceneparse.core.types import Tensor
from sceneparse.dataset.labels import by_output
from sceneparse.scores.curves import flow_file
from sceneparse.scores.metrics import Confusion, scores
from stages.train.events import Events

log = logging.getLogger(__name__)

Row = dict[str, Any]
DOMINANT = 0.99  # share of all predictions from which a class counts as the only one


class Sums:
    """Sums of the updates' losses over an epoch and of gradient norms over a window, on the device until read."""

    def __init__(self, layers: int, note: dict[str, Any] | None) -> None:
        self._layers = layers
        self._loss: Tensor = np.float32(note["loss"] if note else 0)
        self._norms: Tensor = np.asarray(note["norms"] if note else [0] * layers, np.float32)
        self._updates: int = note["updates"] if note else 0  # in the window

    def add(self, loss: Tensor, norms: Tensor) -> None:
        """Add an update, a float32 scalar and float32 [L], without waiting for the device."""
        self._loss, self._norms, self._updates = self._loss + loss, self._norms + norms, self._updates + 1

    def loss(self) -> float:
        """Return the summed loss so far this epoch; blocks on the device."""
        self._loss = np.float32(self._loss)
        return float(self._loss)

    def norms(self) -> list[float]:
        """Return the summed norm of each layer's gradient so far in the window; blocks on the device."""
        self._norms = np.asarray(self._norms)
        return list(self._norms.tolist())

    def take_loss(self) -> float:
        """Return the epoch's summed loss and reset it."""
        loss, self._loss = self.loss(), np.float32(0)
        return loss

    def take_norms(self) -> list[float]:
        """Return the mean norm of each layer's gradient in the window, and start the next window."""
        mean = np.asarray(self._norms) / np.float32(self._updates)
        self._norms, self._updates = np.zeros(self._layers, np.float32), 0
        return list(mean.tolist())

    def note(self) -> dict[str, Any]:
        """Return the sums as JSON values for a checkpoint; float32 survives JSON to the bit."""
        return {"loss": self.loss(), "norms": np.asarray(self._norms).tolist(), "updates": self._updates}


class Logbook:
    """Epochs so far, and the loggers that show them. Use as a context manager."""

    def __init__(
        self, curves: Path, events: Events, layers: Sequence[str], history: list[Row], flow: list[list[float]]
    ) -> None:
        self.history = history
        self.flow = flow  # [step, mean gradient norm of each layer since the row before]
        self.curves = curves
        self.events = events
        self._layers = list(layers)
        # Live empties the directory first. Only files: no experiment, report, dvc.yaml or hardware figures of its own.
        self._live = Live(str(self.curves), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False)
        for row in history:
            self._write_curves(row)
        self._write_flow()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.end()

    def add(self, row: Row) -> None:
        """Log an epoch."""
        self.history.append(row)
        self._write_curves(row)
        self.events.add_scores(row)

    def add_flow(self, step: int, norms: list[float]) -> None:
        """Log the mean gradient norm of each layer since the last call."""
        self.flow.append([step, *norms])
        self._write_flow()
        self.events.add_norms(step, self._layers, norms)

    def best(self) -> Row | None:
        """Return the first epoch with the highest validation mIoU; None before the first validation."""
        validated = (row for row in self.history if "validation/mean_iou" in row)
        return max(validated, key=lambda row: float(row["validation/mean_iou"]), default=None)

    def _write_curves(self, row: Row) -> None:
        self._live.step = row["step"]
        for name, value in row.items():
            if name != "step":
                self._live.log_metric(name, value)
        self._live.make_summary()

    def _write_flow(self) -> None:
        rows: list[list[Any]] = [["step", *self._layers], *self.flow]
        write_text(flow_file(self.curves), "".join(",".join(map(str, row)) + "\n" for row in rows))


def epoch_row(step: int, loss: float, learning_rate: float, validation: tuple[Confusion, float] | None = None) -> Row:
    """Return the history's row of an epoch, under the names that DVCLive and TensorBoard show.

    validation: the confusion matrix and the loss, if the epoch ended with one.
    """
    row = {"step": step, "train/loss": loss, "train/learning_rate": learning_rate}
    if validation is None:
        return row
    confusion, validation_loss = validation
    score = scores(confusion)
    return row | {
        "validation/loss": validation_loss,
        "validation/mean_iou": score["mean_iou"] or 0.0,
        "validation/pixel_accuracy": score["pixel_accuracy"] or 0.0,
    }


def epoch_line(epoch: int, epochs: int, row: Row, best: tuple[int, float] | None, seconds_left: float) -> str:
    """Return an epoch's line of the log, in fixed columns. best: the best epoch so far and its mIoU."""
    scores = f"{'no validation':<52}"
    if "validation/mean_iou" in row:
        scores = (
            f"validation loss {row['validation/loss']:6.3f}  mIoU {row['validation/mean_iou']:.4f}  "
            f"accuracy {row['validation/pixel_accuracy']:.4f}"
        )
    number, top = f"{epoch:>{len(str(epochs))}}/{epochs}", "none yet"
    if best:
        top = f"{best[1]:.4f} (epoch {best[0]})"
    left = timedelta(seconds=round(seconds_left))
    return f"epoch {number}  loss {row['train/loss']:6.3f}  {scores}  best {top:<{15 + len(str(epochs))}}  {left} left"


def warn_if_one_class(confusion: Confusion, classes: Sequence[str]) -> None:
    """Log a warning if the network predicts one class nearly everywhere but the truth does not."""
    total, labelled, predicted = confusion.sum(), confusion.sum(axis=1), confusion.sum(axis=0)
    top = int(predicted.argmax())
    names = by_output(["other", *classes], ignores_other=False)
    if predicted[top] >= DOMINANT * total > (*labelled, 0)[top]:
        log.warning(
            "%.1f%% of all predictions are '%s': the network does not tell classes apart. If this lasts "
            "beyond the first epochs, lower train.learning_rate or raise train.class_weighting",
            100 * predicted[top] / total,
            names[top],
        )
