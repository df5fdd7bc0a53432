"""Time of a training step at full width, against FCN-8s in PyTorch, and as a share of the machine's peak.

    python -m benchmarks.against_pytorch PYTHON [--batch-sizes 2 8] [--rounds 7]    # a Python that has PyTorch

Four processes work in turns, a step each in a round: this project (`presets/ade20k.yaml`: VGG16, 150 classes,
256 x 256, AdamW; in float32), PyTorch with bilinear upsampling and with dense transposed convolutions
(`benchmarks/pytorch_step.py`), and a product of two matrices of 4,096 x 4,096, whose speed is called the peak.
"""

import argparse
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.medians import spread
from sceneparse.core.parallel import usable_cpus

SIDE, CLASSES, MATRIX = 256, 150, 4096
OURS, PEAK = "sceneparse", "peak"


class Runner:
    """A process that takes a step for each line that it gets, and answers with its seconds."""

    def __init__(self, command: list[str]) -> None:
        self._process: Any = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.title = self._answer()
        self.step()  # the first compiles

    def step(self) -> float:
        """Take a step and return its seconds."""
        print(file=self._process.stdin, flush=True)
        return float(self._answer())

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()

    def _answer(self) -> str:
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}")
        return line.strip()


def serve(batch_size: int) -> None:
    """Take this project's steps, or with batch size 0 multiply matrices, a line of standard input each."""
    import tensorflow as tf

    from benchmarks.steps import TensorFlowStep, draw_batch
    from sceneparse.network.fcn8s import multiply_accumulates
    from sceneparse.params.presets import preset_params
    from sceneparse.params.whole import Params

    if batch_size:
        values = preset_params("ade20k").model_dump()
        values["train"] |= {"batch_size": batch_size, "precision": "float32", "freeze_epochs": 0}
        params = Params.model_validate(values)
        update = TensorFlowStep(params, CLASSES, *draw_batch(params, CLASSES, SIDE))
        print(6 * batch_size * multiply_accumulates(update.model, SIDE, SIDE), flush=True)
        work = update.__call__
    else:
        matrix = tf.random.normal((MATRIX, MATRIX))
        print(2 * MATRIX**3, flush=True)
        work = tf.function(lambda: tf.matmul(matrix, matrix))
    for _ in sys.stdin:
        began = time.perf_counter()
        work().numpy()
        tf.test.experimental.sync_devices()
        print(time.perf_counter() - began, flush=True)


def commands(pytorch: str, batch_size: int) -> dict[str, list[str]]:
    """Return the command of each process, by its name."""
    ours = [sys.executable, "-m", "benchmarks.against_pytorch", "--serve"]
    theirs = [pytorch, str(Path(__file__).with_name("pytorch_step.py"))]
    kinds = {kind: [*theirs, kind, str(batch_size)] for kind in ("bilinear", "dense")}
    return {OURS: [*ours, str(batch_size)], **kinds, PEAK: [*ours, "0"]}


def compare(pytorch: str, batch_size: int, rounds: int) -> None:
    """Print the medians of the steps, ours as a share of PyTorch's, and the share of the peak."""
    runners = {name: Runner(command) for name, command in commands(pytorch, batch_size).items()}
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            seconds[name].append(runner.step())
    speeds = {name: float(runners[name].title) / 1e9 / statistics.median(seconds[name]) for name in (OURS, PEAK)}
    for name, runner in runners.items():
        runner.end()
        title = f"{name}, {speeds[name]:.0f} GFLOP/s" if name in speeds else runner.title
        ratios = sorted(mine / other for mine, other in zip(seconds[OURS], seconds[name], strict=True))
        versus = f", ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"batch {batch_size}: {title}: {spread(seconds[name])}{'' if name in speeds else versus}")
    print(f"batch {batch_size}: {100 * speeds[OURS] / speeds[PEAK]:.0f}% of the peak")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pytorch", nargs="?", metavar="PYTHON", help="a Python that has PyTorch")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.serve is not None:
        serve(flags.serve)
        return
    if not flags.pytorch:
        parser.error("a Python that has PyTorch is needed")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {usable_cpus()} cores, {flags.rounds} rounds, medians and ranges", flush=True)
    for batch_size in flags.batch_sizes:
        compare(flags.pytorch, batch_size, flags.rounds)


if __name__ == "__main__":
    main()
