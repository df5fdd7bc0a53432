"""The history of epochs: every row once in DVCLive's files, however often a run began; the one-class warning."""

import csv
import logging

import numpy as np
import pytest

from stages.logbook import Logbook, epoch_row, warn_if_one_class


def row(step, mean_iou):
    return {
        "step": step,
        "train/loss": 1 / step,
        "train/learning_rate": 0.1,
        "validation/loss": 1.0,
        "validation/mean_iou": mean_iou,
        "validation/pixel_accuracy": 0.5,
    }


def curve(logbook, name):
    with (logbook.curves / f"plots/metrics/{name}.tsv").open() as file:
        return [tuple(map(float, line.values())) for line in csv.DictReader(file, delimiter="\t")]


def test_a_resumed_run_has_every_epoch_once(tmp_path):
    with Logbook(tmp_path / "dvclive", tmp_path / "tensorboard", []) as logbook:
        logbook.add(row(10, 0.1))
        logbook.add(row(20, 0.2))
        logbook.add(row(30, 0.3))  # lost: the kill came before its checkpoint
    with Logbook(tmp_path / "dvclive", tmp_path / "tensorboard", [row(10, 0.1), row(20, 0.2)]) as logbook:
        logbook.add(row(30, 0.35))
        assert curve(logbook, "validation/mean_iou") == [(10, 0.1), (20, 0.2), (30, 0.35)]
        assert curve(logbook, "train/loss") == [(10, 0.1), (20, 0.05), (30, pytest.approx(1 / 30))]
    assert list((tmp_path / "tensorboard").iterdir())


def test_the_best_epoch_is_the_first_of_the_highest(tmp_path):
    with Logbook(
        tmp_path / "dvclive", tmp_path / "tensorboard", [row(1, 0.2), row(2, 0.5), row(3, 0.5), row(4, 0.4)]
    ) as logbook:
        assert logbook.best()["step"] == 2


def test_an_epochs_row_by_hand():
    confusion = np.array([[3, 1], [0, 4]])
    found = epoch_row(7, 0.5, 0.01, 0.6, confusion)
    assert found["validation/pixel_accuracy"] == pytest.approx(7 / 8)
    assert found["validation/mean_iou"] == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert (found["step"], found["train/loss"], found["validation/loss"]) == (7, 0.5, 0.6)


@pytest.mark.parametrize(
    ("confusion", "warned"),
    [
        ([[600, 0], [400, 0]], True),  # everything predicted as the first class
        ([[595, 5], [396, 4]], True),  # 99.1 %
        ([[590, 10], [390, 10]], False),  # 98 %
        ([[1000, 0], [0, 0]], False),  # the truth is one class as well
    ],
)
def test_one_class_everywhere_is_warned_of(confusion, warned, caplog):
    with caplog.at_level(logging.WARNING):
        warn_if_one_class(np.array(confusion), ["sky", "road"])
    assert ("all predictions are 'sky'" in caplog.text) == warned
