"""The times of a training's lines, by a clock that the test sets."""

import pytest

from stages.train import pace as module
from stages.train.pace import Pace, Speed


def test_the_time_left_is_that_of_the_last_epochs_of_this_run(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    pace = Pace(step=25, steps=10, sides=[64] * 10, epochs=2)  # as after a resume: 25 steps are no work of this run
    left = []
    for step, seconds in ((30, 10), (40, 60), (50, 20), (60, 40)):
        clock[0] += seconds
        left.append(pace.seconds_left(step))
    assert left == [10 / 5 * 70, 70 / 15 * 60, 80 / 20 * 50, 60 / 20 * 40], "two epochs, as every second is validated"


def test_the_time_left_counts_the_pixels_of_the_coming_windows(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    pace = Pace(step=0, steps=5, sides=[32, 64, 64], epochs=1)
    clock[0] = 10
    assert pace.seconds_left(5) == 10 * (4 + 4)
    clock[0] = 40  # less than four times an epoch of the small window
    assert pace.seconds_left(10) == 30
    clock[0] = 70
    assert pace.seconds_left(15) == 0


def test_the_time_left_leaves_out_the_first_step_which_compiles(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    pace = Pace(step=10, steps=5, sides=[32] * 4, epochs=1)
    for step, seconds in ((11, 100), (12, 1), (13, 1), (14, 1), (15, 1)):
        clock[0] += seconds
        pace.done(step)
    assert pace.seconds_left(15) == pytest.approx(5)
    alone = Pace(step=0, steps=1, sides=[32] * 4, epochs=1)  # an epoch of one step
    clock[0] += 100
    alone.done(1)
    assert alone.seconds_left(1) == pytest.approx(300)


def test_the_speed_is_that_of_the_last_readings(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    speed, said = Speed(batch_size=2), []
    for step in range(1, 41):
        clock[0] += 20.0 if step == 1 else 1.6 if step <= 20 else 0.1  # the first compiles
        if step < 3 or step % 10 == 0:
            said.append(speed.text(step))
    assert said[:4] == ["", ", 1.2 images/s", ", 1.2 images/s", ", 1.2 images/s"]
    clock[0] += 300.0  # a validation
    speed.pause(40)
    clock[0] += 1.0
    assert speed.text(50) == ", 20.0 images/s"
    for step in range(60, 60 + 10 * module.READINGS, 10):
        clock[0] += 0.5
        newest = speed.text(step)
    assert newest == ", 40.0 images/s"
