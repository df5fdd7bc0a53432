"""The history of epochs: every row once in DVCLive's files, however often a run began; the one-class warning."""

import csv
import json
import logging
from contextlib import contextmanager

import numpy as np
import pytest
import tensorflow as tf

from sceneparse.scores.curves import flow_file
from stages.train.events import Events
from stages.train.logbook import Logbook, Sums, epoch_line, epoch_row, warn_if_one_class

LAYERS = ["conv1_1", "score_fr"]


@contextmanager
def opened(folder, history, flow):
    with (
        Events(folder / "tensorboard") as events,
        Logbook(folder / "dvclive", events, LAYERS, history, flow) as logbook,
    ):
        yield logbook


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
    with opened(tmp_path, [], []) as logbook:
        logbook.add(row(10, 0.1))
        logbook.add(row(20, 0.2))
        logbook.add(row(30, 0.3))  # lost: the kill came before its checkpoint
    with opened(tmp_path, [row(10, 0.1), row(20, 0.2)], []) as logbook:
        logbook.add(row(30, 0.35))
        assert curve(logbook, "validation/mean_iou") == [(10, 0.1), (20, 0.2), (30, 0.35)]
        assert curve(logbook, "train/loss") == [(10, 0.1), (20, 0.05), (30, pytest.approx(1 / 30))]
    assert list((tmp_path / "tensorboard").iterdir())


def test_an_epoch_without_a_validation_has_a_loss_alone_and_the_best_is_the_first_of_the_highest(tmp_path):
    with opened(tmp_path, [], []) as logbook:
        logbook.add(epoch_row(10, 0.5, 0.01))
        assert logbook.best() is None
        for step, mean_iou in ((20, 0.2), (30, 0.5), (40, 0.5), (50, 0.4)):
            logbook.add(row(step, mean_iou))
        assert logbook.best()["step"] == 30
        assert curve(logbook, "train/loss")[:2] == [(10, 0.5), (20, 0.05)]
        assert curve(logbook, "validation/mean_iou")[0] == (20, 0.2)


def test_the_gradients_flow_goes_on_where_it_was(tmp_path):
    with opened(tmp_path, [], [[1, 0.0, 2.0]]) as logbook:
        logbook.add_flow(2, [0.5, 1.5])
        assert flow_file(logbook.curves).read_text() == "step,conv1_1,score_fr\n1,0.0,2.0\n2,0.5,1.5\n"


def test_sums_by_hand_and_over_a_checkpoint():
    sums = Sums(2, None)
    for loss, norms in ((1.0, [1.0, 4.0]), (2.0, [3.0, 5.0])):
        sums.add(tf.constant(loss), tf.constant(norms))
    sums = Sums(2, json.loads(json.dumps(sums.note())))
    sums.add(tf.constant(0.1), tf.constant([2.0, 0.1]))
    assert sums.norms() == pytest.approx([6.0, 9.1])
    assert sums.loss() == np.float32(3) + np.float32(0.1)
    assert sums.take_norms() == pytest.approx([2.0, 9.1 / 3])
    assert sums.take_loss() == np.float32(3) + np.float32(0.1)
    assert sums.note() == {"loss": 0.0, "norms": [0.0, 0.0], "updates": 0}


def test_an_epochs_row_by_hand():
    confusion = np.array([[3, 1], [0, 4]])
    row = epoch_row(7, 0.5, 0.01, (confusion, 0.6))
    assert row["validation/pixel_accuracy"] == pytest.approx(7 / 8)
    assert row["validation/mean_iou"] == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert (row["step"], row["train/loss"], row["validation/loss"]) == (7, 0.5, 0.6)


def test_an_epochs_line_keeps_its_columns():
    lines = [
        epoch_line(9, 120, epoch_row(9, 12.3456, 0.1), None, 7261.4),
        epoch_line(10, 120, row(10, 0.25), (10, 0.25), 59.6),
        epoch_line(120, 120, row(1000, 0.2), (10, 0.25), 0.0),
        epoch_line(11, 120, epoch_row(11, 0.5, 0.1), (10, 0.25), 90000),
    ]
    assert lines == [
        "epoch   9/120  loss 12.346  no validation                                         "
        "best none yet            2:01:01 left",
        "epoch  10/120  loss  0.100  validation loss  1.000  mIoU 0.2500  accuracy 0.5000  "
        "best 0.2500 (epoch 10)   0:01:00 left",
        "epoch 120/120  loss  0.001  validation loss  1.000  mIoU 0.2000  accuracy 0.5000  "
        "best 0.2500 (epoch 10)   0:00:00 left",
        "epoch  11/120  loss  0.500  no validation                                         "
        "best 0.2500 (epoch 10)   1 day, 1:00:00 left",
    ]


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
