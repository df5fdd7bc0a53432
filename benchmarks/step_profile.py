"""Where a training step's time goes on a CPU, by TensorFlow's profiler.

One operation at a time works on all cores here, so the parts add up to the step. In a training independent operations
also work side by side. Medians over the steps.

    python -m benchmarks.step_profile --batch-sizes 2 8 --precision float32
"""

import argparse
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from benchmarks.steps import TensorFlowStep, draw_batch
from benchmarks.train_step import configure, describe_device
from sceneparse.core.parallel import usable_cpus
from sceneparse.params.presets import preset_params
from sceneparse.params.whole import Params

CLASSES = 150
OPERATION = re.compile(r"(.*[^:]):([A-Za-z_]\w*)")  # the profiler's name of an operation: its own, and its kind
PROGRAM = "CpuExecutable::ExecuteAsyncOnStream"  # a function that XLA compiled
# What an operation belongs to: the first part whose pattern is found in 'name:kind', or in a compiled function's name.
PARTS = {
    "convolutions, gradient of kernels": "Conv2DBackpropFilter|BiasAddGrad",
    "convolutions, gradient of inputs": "Conv2DBackpropInput",
    "convolutions, forward": "Conv2D$|BiasAdd$",
    "pooling": "MaxPool|AvgPool",
    "gradient of ReLU": "ReluGrad",
    "upsampling of scores, loss": "ResizeBilinear|weighted_losses",
    "update of weights": "decay_and_update|(^|/)(adam|sgd)",
    "averages of weights": "_move",
    "norms of gradients, clipping": "L2Loss|^mul_",
    "dropout": "StatelessRandom|drop[67]",
    "casts": "Cast$",
    "the rest": "",
}


def events(space: Any) -> Iterator[tuple[str, int, int, str]]:
    """Yield name, start and duration in picoseconds, and the XLA program of each event, from all threads."""
    for plane in space.planes:
        names = {number: each.name for number, each in plane.event_metadata.items()}
        stats = {number: each.name for number, each in plane.stat_metadata.items()}
        for line in plane.lines:
            for event in line.events:
                modules = [each.str_value or stats[each.ref_value] for each in event.stats if _is_module(each, stats)]
                start = 1000 * line.timestamp_ns + event.offset_ps
                yield names[event.metadata_id], start, event.duration_ps, "".join(modules)


def _is_module(stat: Any, names: dict[int, str]) -> bool:
    return names[stat.metadata_id] == "hlo_module"


def operations(space: Any) -> Iterator[tuple[str, float]]:
    """Yield 'name:kind' of each operation, or the name of a compiled function, and its milliseconds."""
    programs, inner = [], []
    for name, start, duration, module in events(space):
        if OPERATION.fullmatch(name):
            yield name, duration / 1e9
        elif name == PROGRAM:
            programs.append((start, duration))
        elif module:
            inner.append((start, module))
    for start, duration in programs:
        yield next((module for at, module in inner if start <= at <= start + duration), PROGRAM), duration / 1e9


def part_of(operation: str) -> str:
    """Return the part of PARTS."""
    return next(part for part, pattern in PARTS.items() if re.search(pattern, operation))


def profiled(step: TensorFlowStep) -> tuple[float, Counter[str]]:
    """Return the milliseconds of one step, and of each part of it."""
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        start = time.perf_counter()
        step()
        step.wait()
        whole = 1e3 * (time.perf_counter() - start)
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace()
        space.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    parts = Counter[str]()
    for operation, milliseconds in operations(space):
        parts[part_of(operation)] += milliseconds
    return whole, parts


def report(params: Params, size: int, steps: int) -> None:
    """Print the table of a batch size."""
    step = TensorFlowStep(params, CLASSES, *draw_batch(params, CLASSES, size))
    for _ in range(2):  # compiles
        step()
        step.wait()
    runs = [profiled(step) for _ in range(steps)]
    whole = statistics.median(run[0] for run in runs)
    medians = {part: statistics.median(run[1][part] for run in runs) for part in PARTS}
    print(f"batch {params.train.batch_size}, {params.train.precision}: {whole:.0f} ms")
    for part, milliseconds in sorted(medians.items(), key=lambda item: -item[1]):
        print(f"  {part:36}{milliseconds:8.1f} ms {100 * milliseconds / whole:6.1f}%")


def main() -> None:
    """Parse flags and print a table for each batch size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[2])
    parser.add_argument("--precision", default="float32", help="(default: float32)")
    parser.add_argument("--preset", default="ade20k", metavar="NAME", help="(default: ade20k)")
    parser.add_argument("--size", type=int, default=256, help="side of the pictures (default: 256)")
    parser.add_argument("--steps", type=int, default=5, help="of which the median counts (default: 5)")
    flags = parser.parse_args()
    tf.config.threading.set_inter_op_parallelism_threads(1)
    preset = preset_params(flags.preset)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {describe_device(None)}, {usable_cpus()} cores, TensorFlow {tf.__version__}")
    print(f"{flags.preset}, {CLASSES} classes, {flags.size} x {flags.size}, one operation at a time")
    for batch in flags.batch_sizes:
        changes = {"batch_size": batch, "micro_batches": 1, "precision": flags.precision}
        report(configure(preset, flags.size, preset.model.width, changes), flags.size, flags.steps)


if __name__ == "__main__":
    main()
