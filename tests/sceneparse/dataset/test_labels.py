"""Label remap: equal for arrays and tensors, and undone by its inverse."""

import numpy as np
import pytest
import tensorflow as tf

from sceneparse.dataset.labels import (
    IGNORE,
    MAX_CLASSES,
    by_output,
    count_classes,
    count_outputs,
    labels_to_outputs,
    outputs_to_annotation,
    to_annotation,
    to_labels,
    without_other,
)

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


@pytest.mark.parametrize("kind", [np.array, tf.constant], ids=["numpy", "tensorflow"])
@pytest.mark.parametrize("classes", [1, 2, 150, MAX_CLASSES])
def test_outputs_stand_for_labels_and_back(kind, classes):
    annotation = np.arange(classes + 1, dtype=np.uint8)
    labels = to_labels(kind(annotation))
    for ignores_other in (True, False):
        count = count_outputs(classes, ignores_other)
        assert count_classes(count, ignores_other) == classes
        outputs = np.asarray(labels_to_outputs(labels, classes, count))
        assert outputs[1:].tolist() == list(range(classes))
        assert outputs[0] == (IGNORE if ignores_other else classes)
        known = outputs < count
        back = outputs_to_annotation(kind(outputs[known].astype(np.int32)), classes, count)
        assert np.asarray(back).tolist() == annotation[known].tolist()
        assert by_output(annotation.tolist(), ignores_other) == annotation[1:].tolist() + [0] * (not ignores_other)
        scores = np.arange(count)[np.newaxis]
        assert without_other(kind(scores), classes).shape == (1, classes)
