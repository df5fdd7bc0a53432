"""train: records and first weights -> the best FCN-8s by validation mIoU, its card and its curves.

params.train.start_from names the first weights: ImageNet's from the weights stage (a directory), or a trained model
(.keras).

The loop is a function of the params and the records: step s always gets the same batch, so a killed
run resumes from its last checkpoint and produces exactly the weights of an uninterrupted run.
Checkpoints and logs lie in the state directory, which is no output of the stage: DVC deletes outputs
before a rerun. With TF_CONFIG set, all its workers run this stage, each on its rows of the same
batches, and the chief alone writes.
"""

import logging
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from sceneparse.core.ends import stop_numbers
from sceneparse.core.errors import InputError
from sceneparse.core.fields import Section, leaves
from sceneparse.core.files import atomic_directory
from sceneparse.core.locks import locked, output_lock
from sceneparse.core.tensorflow_loading import load_tensorflow
from sceneparse.dataset.labels import by_output
from sceneparse.params.flags import run_stage
from sceneparse.params.model import Model
from sceneparse.params.train import Train
from sceneparse.records.manifest import MANIFEST, open_records
from stages.train.cluster import read_cluster
from stages.train.run_name import run_folder
from stages.train.start import read_start

log = logging.getLogger(__name__)


class Sections(Protocol):
    """Sections of the params that this stage reads."""

    model: Model
    train: Train


def train(params: Sections, records: Path, model: Path, card: Path, curves: Path, state: Path) -> None:
    """Train, or resume a training; write `model`, `card` and `curves` at the end."""
    _check_name(model)
    cluster = read_cluster()
    manifest = open_records(records)
    initialize, start_files = read_start(Path(params.train.start_from), params.model, manifest.classes)
    _check_freeze(params.train, initialize is not None)

    load_tensorflow()  # takes seconds: the checks of params and records come first
    from sceneparse.network.saving import describe, save_card, save_model
    from sceneparse.records.batches import steps_per_epoch, training_batches, validation_batches
    from stages.train.checkpoint import Checkpoints, fingerprint
    from stages.train.decision import suited_to_iou
    from stages.train.events import Events
    from stages.train.logbook import Logbook, Sums
    from stages.train.loop import Loop
    from stages.train.losses import median_frequency_weights
    from stages.train.pictures import Pictures
    from stages.train.refusals import check_labelled
    from stages.train.training import Trainer
    from stages.train.worker_team import join

    steps = steps_per_epoch(manifest, params.train)
    total = steps * params.train.epochs
    pixels = by_output(manifest.training.label_pixels, params.model.ignores_other)
    check_labelled(pixels, records)
    class_weights = median_frequency_weights(pixels, params.train.class_weighting)
    key = fingerprint([params.model, params.train], [records / MANIFEST, *start_files])

    with (
        cluster.state(state) as own,
        # A second writer, as beside a training whose DVC was killed just now, would spoil both runs' checkpoints.
        locked(own / "lock", f"training in {own}"),
        output_lock(model) if cluster.chief else nullcontext(),  # it stands for all outputs
        join(cluster, key) as workers,
        stop_signals() as stop,
    ):
        size = params.train.augment.crop or manifest.size
        trainer = Trainer(params.model, params.train, class_weights, size, total, initialize, workers.strategy)
        checkpoints = Checkpoints(own / "checkpoints", key, trainer.model, trainer.extras, writes=cluster.chief)
        step, note = checkpoints.restore() or (0, {"history": [], "flow": [], "sums": None})
        step = workers.resume(step, checkpoints.variables)
        log.info("%s at step %d of %d", "resuming" if step else "starting", step, total)
        if step == total:
            log.info("the training is complete: writing its outputs; to train again, delete %s", checkpoints.directory)

        validation = trainer.distribute(
            partial(validation_batches, records, manifest, params.train.batch_size // params.train.micro_batches)
        )
        # Endless, so that several workers need not confer before each batch.
        training = trainer.distribute(
            lambda part: training_batches(records, manifest, params.train, step, part).repeat()
        )
        sums, pictures = Sums(len(trainer.layers), note["sums"]), Pictures(records, manifest, params.train.epochs)
        logged, values = checkpoints.directory / "dvclive", _by_name(params.train, params.model)
        run = run_folder(own / "tensorboard", checkpoints.directory / "run", values, _by_name(Train(), Model()))
        with (
            Events(run) as events,
            Logbook(logged, events, trainer.layers, note["history"], note["flow"]) as logbook,
        ):
            events.add_params(values)
            loop = Loop(params.train, trainer, checkpoints, logbook, workers, stop, sums, steps, manifest, pictures)
            loop.run(step, iter(training), validation, quiet=not cluster.chief)

        if cluster.chief and (best := logbook.best()):
            checkpoints.load_best(best["step"])
            epoch = best["step"] // steps
            log.info(
                "best epoch %d of %d: validation mIoU %.4f", epoch, params.train.epochs, best["validation/mean_iou"]
            )
            best = {"epoch": epoch, **best}
            description = describe(records, manifest, params.model, params.train, best, trainer.origin)
            network = trainer.model
            if params.train.decision == "iou":
                network = suited_to_iou(network, records, manifest)
            save_model(network, model, description)
            save_card(card, model, description)
            with atomic_directory(curves) as directory:
                shutil.copytree(logbook.curves, directory, dirs_exist_ok=True)
            checkpoints.complete(total, best["step"], loop.note())


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Give a list that fills when a signal asks to end: the loop ends after the step, with its state saved."""
    received: list[int] = []
    before = {number: signal.signal(number, lambda n, _: received.append(n)) for number in stop_numbers()}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _by_name(*sections: Section) -> dict[str, Any]:
    """Return the values of all sections; no two of them have keys of one name."""
    return {name: value for section in sections for name, value in leaves(section.model_dump()).items()}


def _check_name(model: Path) -> None:
    if model.suffix != ".keras":
        next_step = "name the model file something.keras"
        raise InputError(
            "Keras could not save the model", expected=".keras", got=model.name, file=model, next_step=next_step
        )


def _check_freeze(params: Train, pretrained: bool) -> None:
    if params.freeze_epochs and not pretrained:
        raise InputError(
            "cannot freeze a randomly initialised backbone",
            expected="train.freeze_epochs 0, or pretrained weights",
            got=f"train.freeze_epochs {params.freeze_epochs} and no weights in {params.start_from}",
            file="params.yaml",
            next_step="set train.freeze_epochs to 0, or give weights.source or train.start_from",
        )


def main() -> None:
    """Parse flags and run."""
    run_stage(
        train,
        reads={"records": "directory of TFRecord shards and manifest.json"},
        writes={
            "model": "the best model by validation mIoU (.keras)",
            "card": "description of the model (.json)",
            "curves": "directory of DVCLive metrics and plots",
            "state": "directory for checkpoints of unfinished trainings and TensorBoard's logs; no output of the stage",
        },
    )
