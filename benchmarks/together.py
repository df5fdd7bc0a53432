"""Limit of a training: its input, its step, or neither alone. For a machine with a GPU, or without.

Timed in turns, in one run, with the params of a preset: the input pipeline alone, the step alone on a batch that stays
on the device, and both together, as the train stage runs them. All are in pictures per second, medians of the rounds.

    python -m benchmarks.together --batch-size 64 --precision mixed_bfloat16
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from benchmarks.input_pipeline import drawn_records
from benchmarks.steps import TensorFlowStep
from benchmarks.train_step import configure, describe_device
from sceneparse.core.parallel import usable_cpus
from sceneparse.dataset.labels import count_outputs
from sceneparse.params.presets import preset_params
from sceneparse.records.batches import training_batches
from stages.train.training import Trainer

ENOUGH = 0.9  # of the slower part's speed, that both together have where they overlap
WARM_UP = 3  # batches that are not timed


def rates(ways: dict[str, Callable[[], Any]], batch: int, seconds: float, rounds: int) -> dict[str, float]:
    """Return pictures per second of each way, the median of rounds that take about `seconds` each."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        for _ in range(WARM_UP):
            way()
    tf.test.experimental.sync_devices()
    for _ in range(rounds):
        for name, way in ways.items():
            start, count = time.perf_counter(), 0
            while time.perf_counter() - start < seconds:
                way()
                count += 1
                if count % 10 == 0:  # else the loop runs ahead of a GPU
                    tf.test.experimental.sync_devices()
            tf.test.experimental.sync_devices()
            found[name].append(count * batch / (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in found.items()}


def verdict(speed: dict[str, float]) -> str:
    """Return in words what limits the training."""
    slower = min("input", "step", key=speed.__getitem__)
    if speed["both"] >= ENOUGH * speed[slower]:
        return f"the {slower} limits the training"
    return f"input and step share something: both reach {speed['both'] / speed[slower]:.0%} of the {slower} alone"


def main() -> None:
    """Parse flags and print the three speeds and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=16, help="(default: 16)")
    parser.add_argument("--precision", default="float32", help="float32, mixed_bfloat16 or mixed_float16")
    parser.add_argument("--xla", action="store_true", help="compile the step by XLA")
    parser.add_argument("--preset", default="ade20k", metavar="NAME", help="(default: ade20k)")
    parser.add_argument("--width", type=float, default=1.0, help="of the network (default: 1.0)")
    parser.add_argument("--seconds", type=float, default=12, help="of a round of each (default: 12)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: 3)")
    flags = parser.parse_args()
    preset = preset_params(flags.preset)
    train = {"batch_size": flags.batch_size, "precision": flags.precision, "xla": flags.xla, "epochs": 100_000}
    params = configure(preset, preset.prepare.size, flags.width, train)
    with drawn_records(params) as (records, manifest):
        outputs = count_outputs(len(manifest.classes), params.model.ignores_other)
        trainer = Trainer(params.model, params.train, [1.0] * outputs, manifest.size, 10**6)

        def opened() -> Any:
            return iter(trainer.distribute(lambda part: training_batches(records, manifest, params.train, part=part)))

        alone, stream, kept = opened(), opened(), next(opened())
        ways: dict[str, Callable[[], Any]] = {
            "input": lambda: next(alone),
            "step": lambda: trainer.step(kept),
            "both": lambda: trainer.step(next(stream)),
        }
        speed = rates(ways, flags.batch_size, flags.seconds, flags.rounds)
    print(
        f"{describe_device(TensorFlowStep.gpu())}, {usable_cpus()} cores, preset {flags.preset}, width {flags.width:g}"
    )
    print(f"batch {flags.batch_size}, {flags.precision}, XLA {'on' if flags.xla else 'off'}; pictures/s:")
    print(", ".join(f"{name} {value:.1f}" for name, value in speed.items()), f"pictures/s: {verdict(speed)}")


if __name__ == "__main__":
    main()
