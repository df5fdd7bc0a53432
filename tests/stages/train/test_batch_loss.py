"""The loss in parts: the sums, and the gradient, of the whole batch at a time."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from sceneparse.network.coarse import upsample
from stages.train import batch_loss as module
from stages.train.batch_loss import batch_loss, batch_loss_and_gradient
from stages.train.losses import pixel_cross_entropy

BATCH, SIDE, OUTPUTS = 6, 32, 5
WEIGHTS = [0.5, 1.0, 2.0, 1.5, 0.25]


def inputs(factor, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.choice([*range(OUTPUTS), 255], (BATCH, SIDE, SIDE)).astype(np.uint8)
    scores = generator.normal(0, 2, (BATCH, SIDE // factor, SIDE // factor, OUTPUTS)).astype(np.float32)
    return tf.constant(labels), tf.constant(scores)


def sums(labels, logits):
    return pixel_cross_entropy(labels, logits, WEIGHTS)


@pytest.mark.parametrize("factor", [1, 8])
@pytest.mark.parametrize("pictures", [0, 1, 2, 4, 100])
def test_parts_are_the_whole(monkeypatch, factor, pictures):
    """4 pictures at a time: parts are equal, so 3. Fewer than a picture: one."""
    monkeypatch.setattr(module, "PART", pictures * SIDE**2 * OUTPUTS)
    labels, scores = inputs(factor)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        loss, weight = sums(labels, upsample(scores, factor))
    expected = tape.gradient(loss, scores)
    for ours in (batch_loss, batch_loss_and_gradient):
        result = tf.function(partial(ours, factor=factor, sums=sums))(labels, scores)
        assert [float(each) for each in result[:2]] == pytest.approx([float(loss), float(weight)], rel=1e-6)
    np.testing.assert_allclose(result[2], expected, atol=1e-6)


def test_only_a_part_exists_at_a_time(monkeypatch):
    monkeypatch.setattr(module, "PART", 2 * SIDE**2 * OUTPUTS)
    seen = []

    def watched(labels, logits):
        seen.append((labels.shape, logits.shape))
        return sums(labels, logits)

    tf.function(partial(batch_loss_and_gradient, factor=8, sums=watched))(*inputs(8))
    assert seen == [((2, SIDE, SIDE), (2, SIDE, SIDE, OUTPUTS))]


def test_a_batch_whose_size_is_not_static():
    """Validation is traced once for batches of any size."""
    labels, scores = inputs(8)
    shapes = [tf.TensorSpec([None, *each.shape[1:]], each.dtype) for each in (labels, scores)]
    traced = tf.function(partial(batch_loss, factor=8, sums=sums), input_signature=shapes)
    for count in (1, 4, BATCH):
        expected = sums(labels[:count], upsample(scores[:count], 8))
        np.testing.assert_allclose(traced(labels[:count], scores[:count]), expected, rtol=1e-6)
