"""TensorBoard's events: scores come first and gradients last, params are a table, scenes are pictures."""

import numpy as np
import pytest
import tensorflow as tf
from datasets import demo_params, write_archive
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from trainers import scenes, warmed

from sceneparse.params.whole import Params
from sceneparse.records.manifest import open_records
from sceneparse.scores.palette import palette
from stages.prepare.stage import prepare
from stages.train.events import Events
from stages.train.logbook import epoch_row
from stages.train.pictures import SIDE, Pictures, side_by_side

LAYERS = ["conv1_1", "score_fr"]


@pytest.fixture(scope="module")
def small_records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    write_archive(folder / "dataset.zip", training=1, validation=6)
    prepare(demo_params(prepare={"size": 32}), folder / "dataset.zip", folder / "records")
    return folder / "records", open_records(folder / "records")


def read(folder):
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def test_groups_sort_as_they_are_wanted_and_both_losses_share_a_graph(tmp_path):
    with Events(tmp_path) as events:
        events.add_norms(5, LAYERS, [0.1, 0.2])
        events.add_scores(epoch_row(10, 0.5, 0.01, (np.array([[3, 1], [0, 4]]), 0.6)))
        events.add_pictures(10, tf.zeros([2, 8, 24, 3], tf.uint8))
    training, validation = read(tmp_path), read(tmp_path / "validation")
    assert sorted(training.Tags()["tensors"]) == [
        "1 scores/loss",
        "2 learning rate/learning_rate",
        "4 gradient norms/conv1_1",
        "4 gradient norms/score_fr",
    ]
    assert sorted(validation.Tags()["tensors"]) == [
        "1 scores/loss",
        "1 scores/mean_iou",
        "1 scores/pixel_accuracy",
        "3 pictures/validation",
    ]
    (loss,) = validation.Tensors("1 scores/loss")
    assert (loss.step, float(tf.make_ndarray(loss.tensor_proto))) == (10, pytest.approx(0.6))
    (pictures,) = validation.Tensors("3 pictures/validation")
    width, height, *pngs = tf.make_ndarray(pictures.tensor_proto)
    assert (int(width), int(height), len(pngs)) == (24, 8, 2)


def test_params_are_a_row_of_the_table(tmp_path):
    with Events(tmp_path / "2026-11-30 14.05 epochs=3") as events:
        events.add_params({"epochs": 3, "flip": 0.5, "xla": False, "optimizer": "sgd", "augment.crop": None})
    content = read(events.folder).SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(content)
    assert start.group_name == "2026-11-30 14.05 epochs=3"
    values = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}
    assert values == {"epochs": 3, "flip": 0.5, "xla": False, "optimizer": "sgd", "augment.crop": "none"}


def test_a_picture_has_image_truth_and_prediction_in_the_classes_colours():
    trainer, (images, labels) = warmed(Params()), scenes()
    before = [np.asarray(variable) for variable in trainer.model.variables]
    colours = palette(trainer.classes)
    picture = np.asarray(side_by_side(trainer, images, labels, colours))
    image, truth, prediction = np.split(picture, 3, axis=2)
    np.testing.assert_array_equal(image, images)
    np.testing.assert_array_equal(truth, colours[(np.asarray(labels).astype(int) + 1) % 256])
    best = np.asarray(trainer.model(images, training=False)).argmax(axis=-1)
    np.testing.assert_array_equal(prediction, colours[best + 1])
    for value, variable in zip(before, trainer.model.variables, strict=True):
        np.testing.assert_array_equal(value, variable)


def test_large_pictures_are_thinned_out():
    trainer, (images, labels) = warmed(Params()), scenes(count=1, size=2 * SIDE)
    picture = np.asarray(side_by_side(trainer, images, labels, palette(trainer.classes)))
    assert picture.shape == (1, SIDE, 3 * SIDE, 3)
    np.testing.assert_array_equal(picture[:, :, :SIDE], images[:, ::2, ::2])


@pytest.mark.parametrize(
    ("epochs", "shown"),
    [(1, [1]), (3, [1, 2, 3]), (12, [2, 4, 6, 8, 10, 12]), (25, [3, 6, 9, 12, 15, 18, 21, 24, 25])],
)
def test_a_training_shows_its_scenes_ten_times_at_most(epochs, shown, small_records):
    pictures = Pictures(*small_records, epochs)
    assert [epoch for epoch in range(1, epochs + 1) if pictures.due(epoch)] == shown


def test_the_scenes_are_fixed_and_evenly_spread(small_records):
    trainer = warmed(Params(), model={"width": 1 / 64})
    drawn = [np.asarray(Pictures(*small_records, 3).draw(trainer)) for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
    assert drawn[0].shape == (3, 32, 96, 3), "every second of six, as four would be the first two thirds"
