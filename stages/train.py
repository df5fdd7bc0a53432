"""train: records and backbone -> the best FCN-8s by validation mIoU, its card and its curves.

The loop is a function of the params and the records: step s always sees the same batch, so a
killed run goes on from its last checkpoint and ends with the same weights. Checkpoints and logs lie
in the state directory, which is no output of the stage: DVC deletes outputs before a rerun.
With TF_CONFIG set all its workers run this stage, each on its rows of the same batches, and the
chief alone writes.
"""

import logging
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stages.data.manifest import MANIFEST, open_records
from stages.errors import InputError
from stages.files import atomic_directory, locked
from stages.flags import run_stage
from stages.logbook import Logbook, epoch_row, warn_if_one_class
from stages.model.backbone import load_backbone
from stages.model.cluster import read_cluster
from stages.params import Params

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 300.0  # the most that a kill can cost
REPORT_STEPS = 10  # between looks at the loss, each of which waits for the device


def train(params: Params, records: Path, backbone: Path, model: Path, card: Path, curves: Path, state: Path) -> None:
    """Train, or go on training; write `model`, `card` and `curves` at the end."""
    _check_name(model)
    cluster = read_cluster()
    manifest = open_records(records)
    weights = _backbone_weights(params, backbone)

    # From here on TensorFlow is needed; bad params and bad records have been refused.
    from stages.data.batches import steps_per_epoch, training_batches, validation_batches
    from stages.model.checkpoint import Checkpoints, fingerprint
    from stages.model.losses import median_frequency_weights
    from stages.model.saving import describe
    from stages.model.training import Trainer, check_finite
    from stages.model.workers import join

    steps = steps_per_epoch(manifest, params.train)
    total = steps * params.train.epochs
    class_weights = median_frequency_weights(manifest.class_pixels(), params.train.class_weighting)
    key = fingerprint([params.model, params.train], [records / MANIFEST, *sorted(backbone.iterdir())])

    with (
        cluster.state(state) as own,
        # A killed parent can leave its child training on, and a second writer would spoil both runs' checkpoints.
        locked(own / "lock", f"training in {own}"),
        join(cluster, key) as workers,
        stop_signals() as stop,
    ):
        trainer = Trainer(params.model, params.train, class_weights, manifest.size, total, weights, workers.strategy)
        checkpoints = Checkpoints(own / "checkpoints", key, trainer.model, trainer.optimizer, writes=cluster.chief)
        step, note = checkpoints.restore() or (0, {"loss_sum": 0.0, "history": []})
        step = workers.resume(step, checkpoints.variables)
        log.info("%s at step %d of %d", "going on" if step else "starting", step, total)

        validation = trainer.distribute(partial(validation_batches, records, manifest, params.train.batch_size))
        training = partial(training_batches, records, manifest, params.train, step)
        batches = iter(trainer.distribute(training, endless=True))
        loss_sum, saved = note["loss_sum"], time.monotonic()
        with (
            Logbook(checkpoints.directory / "dvclive", own / "tensorboard" / key, note["history"]) as logbook,
            tqdm(
                total=total, initial=step, unit="step", desc="train", smoothing=0.05, disable=not cluster.chief
            ) as progress,
        ):
            while step < total:
                loss_sum = loss_sum + trainer.step(next(batches))
                step += 1
                progress.update()
                epoch_ends = step % steps == 0
                look = epoch_ends or step % REPORT_STEPS == 0
                stopping = workers.agree_to_stop(bool(stop), now=look)
                save = epoch_ends or stopping or time.monotonic() - saved > CHECKPOINT_SECONDS
                if save or look:
                    loss_sum = float(loss_sum)
                    check_finite(loss_sum, step)
                    rate = (progress.format_dict["rate"] or 0) * params.train.batch_size
                    progress.set_postfix_str(f"loss {loss_sum / (step % steps or steps):.3f}, {rate:.1f} images/s")
                if epoch_ends:
                    confusion, validation_loss = trainer.validate(validation)
                    logbook.add(epoch_row(step, loss_sum / steps, trainer.learning_rate(), validation_loss, confusion))
                    warn_if_one_class(confusion, manifest.classes)
                    if logbook.best()["step"] == step:
                        checkpoints.save_best(step)
                    loss_sum = 0.0
                if save:
                    best_step = logbook.best()["step"] if logbook.history else None
                    checkpoints.save(step, best_step, {"loss_sum": loss_sum, "history": logbook.history})
                    saved = time.monotonic()
                if stopping and step < total:
                    sys.exit(f"stopped at step {step} of {total} with its state saved: run again to go on")

        if cluster.chief:
            best = logbook.best()
            checkpoints.load_best(best["step"])
            epoch = best["step"] // steps
            log.info(
                "best epoch %d of %d: validation mIoU %.4f", epoch, params.train.epochs, best["validation/mean_iou"]
            )
            description = describe(records, manifest, params.model, params.train, {"epoch": epoch, **best})
            _write_outputs(trainer.model, description, logbook.curves, model, card, curves)
            checkpoints.remove()


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """A list that fills when SIGTERM or SIGINT arrives: the loop ends after the step, with its state saved."""
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda n, _: received.append(n)) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_name(model: Path) -> None:
    if model.suffix != ".keras":
        next_step = "name the model file something.keras"
        raise InputError(
            "Keras could not save the model", expected=".keras", got=model.name, file=model, next_step=next_step
        )


def _write_outputs(network: Any, description: Any, logged: Path, model: Path, card: Path, curves: Path) -> None:
    from stages.model.saving import save_card, save_model

    save_model(network, model, description)
    save_card(card, model, description)
    with atomic_directory(curves) as directory:
        shutil.copytree(logged, directory, dirs_exist_ok=True)


def _backbone_weights(params: Params, directory: Path) -> dict[str, Any] | None:
    loaded = load_backbone(directory)
    if loaded and loaded[0] != params.model.backbone:
        raise InputError(
            "the ImageNet weights are another network's",
            expected=params.model.backbone,
            got=loaded[0],
            file=directory,
            next_step=f"set model.backbone to {loaded[0]}, or weights.source to the {params.model.backbone} file",
        )
    return loaded and loaded[1]


def main() -> None:
    """Parse flags and run."""
    run_stage(
        train,
        reads={
            "records": "directory of TFRecord shards and manifest.json",
            "backbone": "directory of ImageNet weights from the weights stage",
        },
        writes={
            "model": "the best model by validation mIoU (.keras)",
            "card": "what the model file alone does not say (.json)",
            "curves": "directory of DVCLive metrics and plots",
            "state": "directory of unfinished training's checkpoints and of TensorBoard's logs; no output",
        },
    )


if __name__ == "__main__":
    main()
