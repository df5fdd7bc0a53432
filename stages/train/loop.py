"""Loop of a training: updates from any step to the end, with progress, validation, curves and checkpoints.

Input: a trainer, its batches and the rest of a training's parts. Output: the logbook's rows and the checkpoints.
Invariant: a checkpoint holds all that decides how training continues, so a killed and resumed run ends with the
weights of an uninterrupted one.
"""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sceneparse.core.progress import progress
from sceneparse.params.train import Train
from sceneparse.records.augment import window_sides
from sceneparse.records.manifest import Manifest
from stages.train.checkpoint import Checkpoints
from stages.train.histograms import write_histograms
from stages.train.logbook import Logbook, Row, Sums, epoch_line, epoch_row, warn_if_one_class
from stages.train.pace import Pace, Speed
from stages.train.pictures import Pictures
from stages.train.refusals import check_finite
from stages.train.training import Trainer
from stages.train.worker_team import Workers

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 300.0  # the most that a kill can cost
REPORT_STEPS = 10  # between two readings of the loss, each of which waits for the device


@dataclass
class Loop:
    """Training under way. `stop` fills when a signal asks it to end."""

    params: Train
    trainer: Trainer
    checkpoints: Checkpoints
    logbook: Logbook
    workers: Workers
    stop: list[int]
    sums: Sums
    steps: int  # in an epoch
    manifest: Manifest
    pictures: Pictures

    def run(self, step: int, batches: Iterator[Any], validation: Iterable[Any], *, quiet: bool) -> None:
        """Train from `step` to the end; exit after a step, its state saved, once `stop` has filled."""
        total, frozen = self.steps * self.params.epochs, self.steps * self.params.freeze_epochs
        sides = window_sides(self.params.augment, self.manifest.size, self.params.epochs)
        saved, pace = time.monotonic(), Pace(step, self.steps, sides, self.params.validate_epochs)
        speed = Speed(self.params.batch_size)
        with progress(
            total=total, initial=step, unit="step", desc="train", smoothing=0.05, estimate=False, disable=quiet
        ) as bar:
            while step < total:
                step += 1
                epoch_ends = step % self.steps == 0
                batch, debug = next(batches), self.params.debug and epoch_ends
                update = self.trainer.step(batch, frozen=step <= frozen, keep_gradients=debug)
                self.sums.add(update.loss, update.norms)
                pace.done(step)
                bar.update()
                # Gradients change most at first, so early windows are short: 1, 2, 4, 8, ...
                window_ends = epoch_ends or (step < self.steps and step & (step - 1) == 0)
                reading = window_ends or step % REPORT_STEPS == 0
                stopping = self.workers.agree_to_stop(bool(self.stop), now=reading)
                save = epoch_ends or stopping or time.monotonic() - saved > CHECKPOINT_SECONDS
                if save or reading:
                    self._show_loss(step, bar, speed)
                if window_ends:
                    self.logbook.add_flow(step, self.sums.take_norms())
                if debug:
                    writer, colours = self.logbook.events.training, self.pictures.colours
                    write_histograms(writer, step, self.trainer, batch, update.gradients, colours)
                if epoch_ends:
                    self._end_epoch(step, validation if self._validates(step // self.steps) else None)
                    self._show_pictures(step)
                    self._report(step, pace.seconds_left(step))
                if save:
                    self._save(step)
                    saved = time.monotonic()
                    speed.pause(step)
                if stopping and step < total:
                    sys.exit(f"stopped at step {step} of {total} with its state saved: run again to resume")

    def _show_loss(self, step: int, bar: Any, speed: Speed) -> None:
        loss = self.sums.loss() / (step % self.steps or self.steps)
        norms = zip(self.trainer.layers, self.sums.norms(), strict=True)
        check_finite({"loss": loss, **{f"gradient of {layer}": norm for layer, norm in norms}}, step)
        bar.set_postfix_str(f"loss {loss:.3f}{speed.text(step)}", refresh=False)

    def _validates(self, epoch: int) -> bool:
        return epoch % self.params.validate_epochs == 0 or epoch == self.params.epochs

    def _end_epoch(self, step: int, validation: Iterable[Any] | None) -> None:
        loss, rate = self.sums.take_loss() / self.steps, self.trainer.learning_rate()
        if validation is None:
            self._add(epoch_row(step, loss, rate))
            return
        with self.trainer.averages.swapped():
            confusion, validation_loss = self.trainer.validate(validation)
            self._add(epoch_row(step, loss, rate, (confusion, validation_loss)))
            if self.logbook.best() is self.logbook.history[-1]:
                self.checkpoints.save_best(step)
        warn_if_one_class(confusion, self.manifest.classes)

    def _show_pictures(self, step: int) -> None:
        if self.pictures.due(step // self.steps):
            with self.trainer.averages.swapped():
                self.logbook.events.add_pictures(step, self.pictures.draw(self.trainer))

    def _add(self, row: Row) -> None:
        check_finite(row, row["step"])
        self.logbook.add(row)

    def _report(self, step: int, seconds_left: float) -> None:
        best = self.logbook.best()
        top = (best["step"] // self.steps, best["validation/mean_iou"]) if best else None
        log.info(epoch_line(step // self.steps, self.params.epochs, self.logbook.history[-1], top, seconds_left))

    def _save(self, step: int) -> None:
        best = self.logbook.best()
        self.checkpoints.save(step, best["step"] if best else None, self.note())

    def note(self) -> dict[str, Any]:
        """Return what a checkpoint holds besides variables, as JSON values."""
        return {"sums": self.sums.note(), "history": self.logbook.history, "flow": self.logbook.flow}
