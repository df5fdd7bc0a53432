"""train.debug: every layer's gradients, activations and weights in TensorBoard, and a training that does not notice."""

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trainers import scenes, warmed

from sceneparse.params.whole import Params
from sceneparse.scores.palette import palette
from stages.train.histograms import MOST, thinned, write_histograms

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def params():
    return Params()


def tags(folder):
    return set(EventAccumulator(str(folder)).Reload().Tags()["tensors"])


@pytest.mark.parametrize("frozen", [False, True])
def test_every_layer_is_there(params, tmp_path, frozen):
    trainer = warmed(params, model={"normalization": "batch"})
    update = trainer.step(scenes(), frozen=frozen, keep_gradients=True)
    before = [np.asarray(variable) for variable in trainer.model.variables]
    with tf.summary.create_file_writer(str(tmp_path)).as_default(step=1) as writer:
        write_histograms(writer, 1, trainer, scenes(), update.gradients, palette(trainer.classes))
    names = tags(tmp_path)
    assert {f"6 activations/{layer}" for layer in trainer.layers} <= names
    paths = [variable.path for variable in trainer.model.trainable_variables]
    assert {f"7 weights/{path}" for path in paths} <= names
    trained = [path for path in paths if not (frozen and path.startswith("conv"))]
    assert {tag for tag in names if tag.startswith("5 gradients/")} == {f"5 gradients/{path}" for path in trained}
    assert "3 pictures/training batch" in names
    for value, variable in zip(before, trainer.model.variables, strict=True):
        np.testing.assert_array_equal(value, variable)


def test_gradients_are_those_of_the_step(params, tmp_path):
    """Compare a bias's histogram with its gradient: its buckets are (left, right, count)."""
    trainer = warmed(params)
    update = trainer.step(scenes(), keep_gradients=True)
    bias = update.gradients[-1].numpy()
    with tf.summary.create_file_writer(str(tmp_path)).as_default(step=1) as writer:
        write_histograms(writer, 1, trainer, scenes(), update.gradients, palette(trainer.classes))
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    buckets = tf.make_ndarray(events.Tensors("5 gradients/score_pool3/bias")[0].tensor_proto)
    assert buckets[:, 2].sum() == bias.size
    assert buckets[0, 0] == pytest.approx(bias.min())
    assert buckets[-1, 1] == pytest.approx(bias.max())


def test_large_tensors_are_thinned_out_evenly():
    """fc6's kernel as published has a hundred million values, for each of which tf.summary takes 300 bytes."""
    few, channels = np.arange(12.0).reshape(3, 4), 512
    np.testing.assert_array_equal(thinned(tf.constant(few)), few.ravel())
    values = tf.tile(tf.range(channels)[tf.newaxis], [3 * MOST // channels, 1])
    left = thinned(values).numpy()
    assert MOST / 2 < len(left) <= MOST
    counts = np.bincount(left, minlength=channels)
    assert counts.max() - counts.min() <= 1
