"""Label remap: equal for arrays and tensors, and undone by its inverse."""

import numpy as np
import pytest
import tensorflow as tf

from sceneparse.dataset.labels import IGNORE, MAX_CLASSES, to_annotation, to_labels

EVERY_VALUE = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("kind", [np.array, tf.constant], ids=["numpy", "tensorflow"])
def test_other_becomes_ignored_and_classes_begin_at_zero(kind):
    labels = np.asarray(to_labels(kind(EVERY_VALUE)))
    assert labels.dtype == np.uint8
    assert labels[0] == IGNORE == 255
    assert labels[1:].tolist() == list(range(255))


@pytest.mark.parametrize("kind", [np.array, tf.constant], ids=["numpy", "tensorflow"])
def test_the_inverse_undoes_it_for_every_value(kind):
    there = to_annotation(to_labels(kind(EVERY_VALUE)))
    back = to_labels(to_annotation(kind(EVERY_VALUE)))
    assert np.array_equal(there, EVERY_VALUE)
    assert np.array_equal(back, EVERY_VALUE)
    assert np.asarray(there).dtype == np.asarray(back).dtype == np.uint8


def test_inside_tf_data():
    values = EVERY_VALUE.reshape(4, 8, 8)
    dataset = tf.data.Dataset.from_tensor_slices(values)
    labels = np.stack(list(dataset.map(to_labels).as_numpy_iterator()))
    back = np.stack(list(dataset.map(to_labels).map(to_annotation).as_numpy_iterator()))
    assert np.array_equal(labels, to_labels(values))
    assert np.array_equal(back, values)


def test_the_last_class_is_not_the_ignore_label():
    assert to_labels(np.uint8([MAX_CLASSES])) < IGNORE
