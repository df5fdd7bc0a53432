"""The benchmark of the training step: a row for each configuration, and JAX makes the updates that TensorFlow makes."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from sceneparse.params.whole import Params

pytestmark = pytest.mark.slow

STEPS = 3
needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
# Three updates from weights that do not depend on the backend; every layer has a gradient, a few pixels are ignored.
UPDATES = """
import sys
import keras
import numpy as np
from benchmarks.steps import STEPS, draw_batch
from sceneparse.params.whole import Params

def initialize(model):
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        kernel = variable.name == "kernel"
        scale = (2 / np.prod(variable.shape[:-1])) ** 0.5 if kernel else 0.1
        variable.assign(generator.normal(0, scale / 58 if "conv1_1" in variable.path else scale, variable.shape))

params = Params.model_validate_json(sys.argv[1])
images, labels = draw_batch(params, 3, 32)
labels[0, :4] = 255
step = STEPS[keras.config.backend()](params, 3, images, labels, initialize)
losses = [float(step()) for _ in range(int(sys.argv[3]))]
print("tensorflow" in sys.modules)
np.savez(sys.argv[2], *step.weights(), losses=losses)
"""


def start(root, command, backend):
    environment = os.environ | {"KERAS_BACKEND": backend}
    return subprocess.run(
        [sys.executable, *command], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def make_updates(root, scratch, backend, **train):
    """Losses and, one after the other, the weights after them."""
    preset = Params()
    train = {"warmup_steps": 0, "learning_rate": 1e-3, "batch_size": 2, **train}
    model = preset.model.model_copy(update={"width": 1 / 16, "dropout": 0.0})
    params = preset.model_copy(update={"model": model, "train": preset.train.model_copy(update=train)})
    path = scratch / f"{backend}.npz"
    done = start(root, ["-c", UPDATES, params.model_dump_json(), path, str(STEPS)], backend)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(backend == "tensorflow")  # JAX's step must not need it
    with np.load(path) as file:
        return file["losses"], [file[name] for name in file.files if name != "losses"]


def test_tensorflow_learns(root, tmp_path):
    losses, weights = make_updates(root, tmp_path, "tensorflow")
    assert losses[-1] < losses[0]
    assert len(weights) == 2 * 18  # kernel and bias of 13 + 2 convolutions and 3 scores


@needs_jax
@pytest.mark.parametrize(
    "train",
    [
        {"backbone_rate": 0.1, "weight_decay": 0.5},
        {"optimizer": "sgd", "clip_norm": 0.5, "logit_adjustment": 0.5},
    ],
    ids=["adamw", "sgd"],
)
def test_jax_makes_the_same_updates(root, tmp_path, train):
    (losses, weights), (losses_by_jax, weights_by_jax) = (
        make_updates(root, tmp_path, backend, **train) for backend in ("tensorflow", "jax")
    )
    np.testing.assert_allclose(losses_by_jax, losses, rtol=1e-5)
    for value, value_by_jax in zip(weights, weights_by_jax, strict=True):
        np.testing.assert_allclose(value_by_jax, value, rtol=1e-4, atol=1e-6)


TINY = ("--width=0.02", "--size=32", "--classes=3", "--steps=2", "--rounds=2")


def table(root, *flags, backend="tensorflow"):
    """Rows of the benchmark's table: the rest of the line by batch size, precision and XLA."""
    done = start(root, ["-m", "benchmarks.train_step", *TINY, *flags], backend)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("batch"))
    rows = (line.split(maxsplit=3) for line in lines[first + 1 :])
    return {tuple(row[:3]): row[3] for row in rows if row[0].isdigit()}


def check_figures(row):
    rate, teraflops, megabytes, first = map(float, row.split())
    assert rate > 2 / first  # images/s of batches of two: only the first step compiles
    assert teraflops < 1
    assert 100 < megabytes < 10_000


@pytest.mark.exhaustive
def test_a_row_for_each_configuration(root):
    rows = table(root, "--batch-sizes=2")
    refused = rows.pop(("2", "mixed_bfloat16", "on"))
    assert refused == "refused: XLA cannot compile mixed precision for the CPU"
    assert set(rows) == {("2", "float32", "off"), ("2", "float32", "on"), ("2", "mixed_bfloat16", "off")}
    for row in rows.values():
        check_figures(row)


@pytest.mark.exhaustive
def test_out_of_memory_does_not_end_the_others(root):
    """The largest batch of the largest pictures, 200 GB of bytes, twice."""
    rows = table(root, "--batch-sizes=4096", "--size=4096", "--precisions", "float32", "mixed_bfloat16", "--xla=off")
    assert rows == {("4096", precision, "off"): "out of memory" for precision in ("float32", "mixed_bfloat16")}


@needs_jax
def test_rows_by_jax(root):
    precisions = ("float32", "mixed_bfloat16", "mixed_float16")
    rows = table(root, "--batch-sizes=2", "--precisions", *precisions, backend="jax")
    assert set(rows) == {("2", precision, "on") for precision in precisions}
    assert rows.pop(("2", "mixed_float16", "on")) == "refused: JAX's step does not do train.precision mixed_float16"
    for row in rows.values():
        check_figures(row)


@pytest.mark.parametrize(
    ("backend", "flags", "problem"),
    [
        ("jax", ["--xla=off"], "JAX always compiles"),
        ("torch", [], "KERAS_BACKEND is torch"),
        ("tensorflow", ["--size=40"], "multiple of 32"),
    ],
)
def test_what_cannot_be_measured_is_refused(root, backend, flags, problem):
    done = start(root, ["-m", "benchmarks.train_step", *TINY, *flags], backend)
    assert done.returncode == 2
    assert problem in done.stderr
