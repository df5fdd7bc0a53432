"""Seconds of a training epoch, with its share of a validation: updates and validation as the train stage makes them.

    python -m benchmarks.epoch_time PARAMS RECORDS [--updates 20]

Prints one number. An epoch of a training through several windows counts a third of each; the backbone is frozen only
if it is so in all epochs.
"""

import argparse
import statistics
import time
from pathlib import Path

from sceneparse.dataset.labels import count_outputs
from sceneparse.params.whole import Params, load_params
from sceneparse.records.augment import GROWTH, window_sides
from sceneparse.records.batches import steps_per_epoch, training_batches, validation_batches
from sceneparse.records.manifest import open_records
from stages.train.training import Trainer

WARM_UP = 4  # updates that are not timed


def epoch_seconds(params: Params, records: Path, updates: int) -> float:
    """Time `updates` through each window, and a validation."""
    manifest = open_records(records)
    outputs = count_outputs(len(manifest.classes), params.model.ignores_other)
    size = params.train.augment.crop or manifest.size
    trainer = Trainer(params.model, params.train, [1.0] * outputs, size, 1000)
    medians, frozen = [], params.train.freeze_epochs >= params.train.epochs
    for side in window_sides(params.train.augment, manifest.size, GROWTH):
        augment = params.train.augment.model_copy(update={"crop": side, "first_crop": None})
        train = params.train.model_copy(update={"augment": augment})
        batches = iter(training_batches(records, manifest, train).repeat())
        times = []
        for _ in range(WARM_UP + updates):
            start = time.perf_counter()
            float(trainer.step(next(batches), frozen=frozen).loss)
            times.append(time.perf_counter() - start)
        medians.append(statistics.median(times[WARM_UP:]))
    validation = validation_batches(records, manifest, params.train.batch_size)
    trainer.validate(validation)  # compiles
    start = time.perf_counter()
    trainer.validate(validation)
    seconds = time.perf_counter() - start
    steps = steps_per_epoch(manifest, params.train)
    return statistics.mean(medians) * steps + seconds / params.train.validate_epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("params", type=Path)
    parser.add_argument("records", type=Path)
    parser.add_argument("--updates", type=int, default=20, help="through each window (default: 20)")
    flags = parser.parse_args()
    print(epoch_seconds(load_params(flags.params), flags.records, flags.updates))


if __name__ == "__main__":
    main()
