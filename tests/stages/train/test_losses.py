"""The loss: cross-entropy over labelled pixels, against a slow version; class weights by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from stages.train.losses import logit_adjustment, median_frequency_weights, pixel_cross_entropy, weighted_losses


def slow_cross_entropy(labels, logits, weights):
    loss_sum = weight_sum = 0.0
    for label, row in zip(labels.ravel(), logits.reshape(-1, logits.shape[-1]), strict=True):
        if label != 255:
            loss_sum -= weights[label] * (row[label] - math.log(sum(math.exp(value) for value in row)))
            weight_sum += weights[label]
    return loss_sum, weight_sum


@pytest.mark.parametrize("xla", [False, True])
def test_against_a_slow_version_eagerly_and_in_a_graph(xla):
    generator = np.random.default_rng(0)
    labels = generator.choice([0, 1, 2, 255], (2, 5, 7)).astype(np.uint8)
    logits = generator.normal(0, 3, (2, 5, 7, 3)).astype(np.float32)
    weights = [1.0, 0.25, 3.0]
    expected = slow_cross_entropy(labels, logits, weights)
    np.testing.assert_allclose(pixel_cross_entropy(labels, logits, weights), expected, rtol=1e-5)
    graph = tf.function(lambda x, y: pixel_cross_entropy(x, y, weights), jit_compile=xla)
    np.testing.assert_allclose(graph(labels, logits), expected, rtol=1e-5)


@pytest.mark.parametrize("xla", [False, True])
def test_the_gradient_is_what_softmax_says(xla):
    """Weight x (probability - 1 at the label), to float32 rounding."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 150, (1, 8, 8)).astype(np.uint8)
    logits, weights = generator.normal(0, 5, (1, 8, 8, 150)), generator.uniform(0.1, 2, 150)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    expected = powers / powers.sum(-1, keepdims=True) - np.eye(150)[labels]
    compute = tf.function(weighted_losses, jit_compile=True) if xla else None
    variable = tf.Variable(logits.astype(np.float32))
    with tf.GradientTape() as tape:
        loss, _ = pixel_cross_entropy(labels, variable, weights.tolist(), compute)
    np.testing.assert_allclose(tape.gradient(loss, variable), weights[labels][..., None] * expected, atol=2e-6)


def test_ignored_pixels_have_no_gradient():
    labels = tf.constant([[[255, 1]]], tf.uint8)
    logits = tf.Variable(tf.random.stateless_normal([1, 1, 2, 3], [0, 0]))
    with tf.GradientTape() as tape:
        loss, _ = pixel_cross_entropy(labels, logits, [1.0, 1.0, 1.0])
    gradient = tape.gradient(loss, logits).numpy()
    assert not gradient[0, 0, 0].any()
    assert gradient[0, 0, 1].any()


def test_nothing_labelled_is_zero_not_nan():
    labels = np.full((1, 2, 2), 255, np.uint8)
    assert [float(value) for value in pixel_cross_entropy(labels, np.zeros((1, 2, 2, 2), np.float32), [1.0, 1.0])] == [
        0,
        0,
    ]


def test_median_frequency_weights_by_hand():
    # Frequencies 10 : 40 : 1000; the median class has weight 1, the rare one 4, the frequent one 0.04.
    assert median_frequency_weights([10, 40, 1000], 1.0) == pytest.approx([4, 1, 0.04])
    assert median_frequency_weights([10, 40, 1000], 0.5) == pytest.approx([2, 1, 0.2])
    assert median_frequency_weights([10, 40, 1000], 0.0) == [1, 1, 1]


def test_a_class_without_pixels_gets_weight_one():
    assert median_frequency_weights([0, 10, 10], 1.0) == [1, 1, 1]
    assert median_frequency_weights([0, 0], 1.0) == [1, 1]


def test_with_all_of_it_the_datas_own_frequencies_are_learned_in_spite_of_the_weights():
    """Three pixels of a class and one of another: their shares are where the gradient is zero."""
    labels = tf.constant([[[0, 0, 1, 0]]], tf.uint8)
    gradients = []
    for adjustment in (1.0, 0.0):
        logits = tf.Variable(np.log(np.full((1, 1, 4, 2), [0.75, 0.25], np.float32)))
        with tf.GradientTape() as tape:
            loss, _ = pixel_cross_entropy(labels, logits + logit_adjustment([0.5, 2.0], adjustment), [0.5, 2.0])
        gradients.append(np.abs(tape.gradient(loss, logits).numpy().sum((0, 1, 2))).max())
    assert gradients[0] < 1e-6
    assert gradients[1] > 0.1
