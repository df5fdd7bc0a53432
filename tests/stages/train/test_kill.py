"""Killed at random moments, again and again, a training ends with the bytes of one that was left alone."""

import random
import signal
import time

import pytest
from train_process import finish, make_inputs, outputs, start

from stages.download.demo import write_demo

pytestmark = pytest.mark.slow

NEVER = 1000  # epochs


@pytest.fixture
def inputs(tmp_path):
    """Everything that a training state can hold is on: averages, batch statistics, dropout, constants at the end."""
    write_demo(tmp_path / "dataset.zip", training=10, validation=3, seed=0)
    model = {"width": 1 / 64, "dropout": 0.3, "normalization": "batch"}
    train = {"epochs": 6, "batch_size": 2, "warmup_steps": 2, "ema": 0.9, "decision": "iou"}
    return make_inputs(
        tmp_path,
        {
            "prepare.size": 32,
            **{f"model.{name}": value for name, value in model.items()},
            **{f"train.{name}": value for name, value in train.items()},
        },
    )


def stopped(process, epochs, seconds, number):
    """Whether a signal ended the process, sent so many seconds after it had logged so many epochs."""
    lines, logged = [], 0
    with process:
        for line in process.stdout:
            lines.append(line)
            logged += line.startswith("INFO epoch ")
            if logged == epochs:
                time.sleep(seconds)
                process.send_signal(number)
                logged = NEVER
    if process.returncode == 1:
        assert number == signal.SIGTERM, lines
        assert "with its state saved: run again to" in "".join(lines)
    else:
        assert process.returncode in (0, -number), lines
    return process.returncode != 0


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_killed_at_random_moments_it_ends_with_the_same_bytes(inputs, tmp_path, times):
    """Curves, best epoch, model and card: all bytes of all outputs, each time that a training comes to its end."""
    finish(start(inputs, tmp_path / "alone"))
    expected = outputs(tmp_path / "alone")
    assert expected.keys() >= {"model.keras", "model.json", "curves/gradient_flow.csv"}

    moments = random.Random(0)  # noqa: S311 - no secret
    kills = trainings = 0
    while kills < times:
        out = tmp_path / f"killed-{trainings}"
        while stopped(
            start(inputs, out),
            moments.randint(1, 2) if kills < times else NEVER,
            moments.uniform(0.0, 0.3),
            signal.SIGKILL if kills else signal.SIGTERM,
        ):
            kills += 1
        assert outputs(out) == expected
        trainings += 1
