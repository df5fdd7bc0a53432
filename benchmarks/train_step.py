"""Speed and memory of a training step, by batch size and precision, with and without XLA.

    python -m benchmarks.train_step --batch-sizes 16 32 --precisions float32 mixed_bfloat16 --xla both

The step runs on the first GPU, or on the CPU without one, over one batch of random pictures that stays on the
device. With TensorFlow it is the project's own step, `Trainer.step`. With KERAS_BACKEND=jax in the environment the
same network, loss and optimizer are stepped by JAX (extra `jax`; for a GPU its own extra `jax[cuda13]` too), for
machines on which only JAX sees the GPU. JAX always compiles with XLA, so it has no row without, and it takes three
quarters of a GPU's memory unless XLA_PYTHON_CLIENT_MEM_FRACTION says otherwise.

TFLOP/s are those that the convolutions need, 3 x forward multiply-accumulates x 2 x images/s: the backward pass makes
two products of each (for the weights and for the layer's input), and a multiply-accumulate is two operations. float32
means the framework's default, which on Ampere and later GPUs may be TF32. Memory is the peak of the allocations on a
GPU; on a CPU it is the process's peak resident set, framework included. The first step includes
compilation. Each row is measured in a process of its own: one that runs out of memory does not end the others.
"""

import argparse
import ctypes
import json
import os
import platform
import re
import resource
import signal
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.steps import STEPS, draw_batch
from sceneparse.core.errors import InputError
from sceneparse.core.parallel import usable_cpus
from sceneparse.params.presets import preset_params
from sceneparse.params.whole import Params

ROOT = Path(__file__).parents[1]
WARM_UP = 2  # steps that are not timed; the first one compiles
SPENT = re.compile(
    "RESOURCE_EXHAUSTED|ResourceExhausted|OUT_OF_MEMORY|MemoryError|bad_alloc"
)  # in the output of a process that failed
HEADER = "batch  precision       XLA  images/s  TFLOP/s  peak MB  first step s"


def measure(kind: Any, params: Params, classes: int, size: int, steps: int, rounds: int) -> dict[str, Any]:
    """Return images/s (median of the rounds), peak bytes, the first step's seconds, forward multiply-accumulates."""
    from sceneparse.network.fcn8s import multiply_accumulates

    step = kind(params, classes, *draw_batch(params, classes, size))

    def seconds(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            step()
        step.wait()
        return time.perf_counter() - start

    first = seconds(1)
    seconds(WARM_UP - 1)
    rate = statistics.median(steps * params.train.batch_size / seconds(steps) for _ in range(rounds))
    peak = step.gpu_bytes() if step.gpu() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    macs = multiply_accumulates(step.model, size, size)
    return {"rate": rate, "bytes": peak, "first": first, "macs": macs}


def describe_device(gpu: str | None) -> str:
    """Return name and memory of the device."""
    if gpu is None:
        name = re.search("model name.*: (.*)", Path("/proc/cpuinfo").read_text())
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return f"CPU {name[1] if name else platform.machine()}, {size / 2**30:.0f} GiB"
    # The driver knows the memory, the frameworks do not; it counts visible GPUs only, as they do.
    driver, device, total = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(), ctypes.c_size_t()
    driver.cuInit(0)
    driver.cuDeviceGet(ctypes.byref(device), 0)
    driver.cuDeviceTotalMem_v2(ctypes.byref(total), device)
    return f"GPU {gpu}, {total.value / 2**30:.0f} GiB"


def work(task: str) -> None:
    """Print the device, then the measurement or the reason why there is none, a JSON line each; in its own process."""
    arguments = json.loads(task)
    params = Params.model_validate(arguments.pop("params"))
    kind = STEPS[os.environ["KERAS_BACKEND"]]
    print(json.dumps(describe_device(kind.gpu())), flush=True)
    try:
        result = measure(kind, params, **arguments)
    except InputError as error:
        result = {"refused": "refused: " + str(error).partition("\n")[0]}
    print(json.dumps(result))


def run(task: dict[str, Any], backend: str) -> tuple[str, dict[str, Any]]:
    """Return the device, and the result of `measure` or {"refused": why} or {"failed": why}."""
    # A process's peak resident set begins at its parent's, so TensorFlow and JAX are not imported in this one.
    command = [sys.executable, "-m", "benchmarks.train_step", "--work", json.dumps(task)]
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    device, *results = [json.loads(line) for line in done.stdout.splitlines()] or ["unknown device"]
    if done.returncode == 0:
        return device, results[0]
    # The kernel ends a process with SIGKILL when the machine's memory is spent.
    if done.returncode == -signal.SIGKILL or SPENT.search(done.stderr):
        return device, {"refused": "out of memory"}
    print(done.stderr, file=sys.stderr)
    return device, {"failed": f"failed with status {done.returncode}"}


def row(params: Params, result: dict[str, Any]) -> str:
    """Return a line of the table."""
    train = params.train
    start = f"{train.batch_size:5}  {train.precision:14}  {'on' if train.xla else 'off':3}"
    if "rate" not in result:
        return f"{start}  {result.get('refused') or result['failed']}"
    teraflops = 3 * 2 * result["macs"] * result["rate"] / 1e12
    return f"{start}  {result['rate']:8.2f}  {teraflops:7.3f}  {result['bytes'] / 1e6:7.0f}  {result['first']:12.1f}"


def configure(preset: Params, size: int, width: float, train: dict[str, Any]) -> Params:
    """Return the preset with the flags' changes; raises ValidationError."""
    changes: dict[str, Any] = {
        "weights": {"source": "sources/none.yaml"},  # as many weights, but random: any width may have those
        "prepare": {"size": size},
        "model": {"width": width},
        "train": train,
    }
    return Params.model_validate({name: part | changes.get(name, {}) for name, part in preset.model_dump().items()})


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[16], help="(default: 16)")
    parser.add_argument("--precisions", nargs="+", default=["float32", "mixed_bfloat16"], help="(default: these two)")
    parser.add_argument("--xla", choices=("both", "on", "off"), default="both")
    parser.add_argument("--preset", default="ade20k", metavar="NAME", help="(default: ade20k)")
    parser.add_argument("--width", type=float, help="of the network (default: the preset's)")
    parser.add_argument("--size", type=int, help="side of the pictures (default: the preset's)")
    parser.add_argument("--classes", type=int, default=150, help="(default: 150)")
    parser.add_argument("--steps", type=int, default=10, help="in a round (default: 10)")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--work", help=argparse.SUPPRESS)  # a JSON object: what one of its own processes measures
    return parser


def main() -> None:
    parser = make_parser()
    flags = parser.parse_args()
    if flags.work:
        work(flags.work)
        return
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend not in STEPS:
        parser.error(f"KERAS_BACKEND is {backend}, not one of {', '.join(STEPS)}")
    if backend == "jax" and flags.xla == "off":
        parser.error("JAX always compiles with XLA")
    preset = preset_params(flags.preset)
    size = flags.size or preset.train.augment.crop or preset.prepare.size
    width = preset.model.width if flags.width is None else flags.width
    xla = [True] if backend == "jax" else {"both": [False, True], "on": [True], "off": [False]}[flags.xla]
    try:
        variants = [
            configure(preset, size, width, {"batch_size": batch, "precision": precision, "xla": compiled})
            for batch, precision, compiled in product(flags.batch_sizes, flags.precisions, xla)
        ]
    except ValidationError as error:
        parser.error(str(error))

    versions = ", ".join(f"{name} {version(name)}" for name in (backend, "keras"))
    cores, python = usable_cpus(), platform.python_version()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {cores} cores, Python {python}, {versions}")
    numbers = {"classes": flags.classes, "size": size, "steps": flags.steps, "rounds": flags.rounds}
    macs, failed = 0, False
    for params in variants:
        device, result = run({"params": params.model_dump(), **numbers}, backend)
        if params is variants[0]:
            network = f"{preset.model.backbone}, width {width:g}, {flags.classes} classes, {size} x {size}"
            print(
                f"{device}\n{network}, {preset.train.optimizer}, medians of {flags.rounds} rounds x {flags.steps} steps"
            )
            print(HEADER)
        print(row(params, result), flush=True)
        macs, failed = result.get("macs", macs), failed or "failed" in result
    if macs:
        print(f"forward: {macs / 1e9:.3g} G multiply-accumulates an image")
    sys.exit(failed)


if __name__ == "__main__":
    main()
