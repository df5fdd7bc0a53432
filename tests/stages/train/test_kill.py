"""Killed at random moments, again and again, a training ends with the bytes of one that was left alone."""

import random
import signal
import subprocess
import time

import pytest
from daemons import PATIENCE
from ruamel.yaml import YAML
from train_process import finish, outputs, start

from sceneparse.params.whole import Params, load_params
from stages.download.demo import write_demo
from stages.prepare.stage import prepare
from stages.weights.stage import weights

pytestmark = pytest.mark.slow

IMPORTS = 0.4  # share of a run in which nothing is written yet; kills before that would prove little


@pytest.fixture
def inputs(tmp_path):
    """Everything that a training state can hold is on: averages, batch statistics, dropout, constants at the end."""
    yaml = YAML()
    params = Params().model_dump()
    params["prepare"]["size"] = 32
    params["model"] |= {"width": 1 / 64, "dropout": 0.3, "normalization": "batch"}
    params["train"] |= {"epochs": 12, "batch_size": 2, "warmup_steps": 2, "ema": 0.9, "decision": "iou"}
    params["train"]["start_from"] = str(tmp_path / "backbone")
    yaml.dump(params, tmp_path / "params.yaml")
    write_demo(tmp_path / "dataset.zip", training=10, validation=3, seed=0)
    loaded = load_params(tmp_path / "params.yaml")
    prepare(loaded, tmp_path / "dataset.zip", tmp_path / "records")
    weights(loaded, tmp_path / "cache", tmp_path / "backbone")
    return tmp_path


def stopped(process, seconds, number):
    """Whether the process was still at work after so many seconds; the signal has ended it then."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        output, _ = process.communicate()
    if process.returncode == 1:
        assert "with its state saved: run again to" in output
    else:  # before it trains SIGTERM ends it at once
        assert process.returncode in (0, -number), output
    return process.returncode != 0


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.exhaustive)])
def test_killed_at_random_moments_it_ends_with_the_same_bytes(inputs, tmp_path, times):
    """Curves, best epoch, model and card: all bytes of all outputs, each time that a training comes to its end."""
    began = time.monotonic()
    finish(start(inputs, tmp_path / "alone"))
    whole = time.monotonic() - began
    expected = outputs(tmp_path / "alone")
    assert expected.keys() >= {"model.keras", "model.json", "curves/gradient_flow.csv"}

    moments = random.Random(0)  # noqa: S311
    kills = trainings = 0
    while kills < times:
        out = tmp_path / f"killed-{trainings}"
        while stopped(
            start(inputs, out),
            moments.uniform(IMPORTS, 1.0) * whole if kills < times else PATIENCE,
            signal.SIGKILL if kills else signal.SIGTERM,
        ):
            kills += 1
        assert outputs(out) == expected
        trainings += 1
