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
both_kinds = pytest.mark.parametrize("kind", [np.array, tf.constant], ids=["numpy", "tensorflow"])


@both_kinds
def test_other_becomes_ignored_and_classes_begin_at_zero_and_back(kind):
    labels = np.asarray(to_labels(kind(EVERY_VALUE)))
    assert labels.tolist() == [IGNORE, *range(255)]
    back = np.asarray(to_annotation(kind(labels)))
    assert back.tolist() == EVERY_VALUE.tolist()
    assert labels.dtype == back.dtype == np.uint8
    assert labels[MAX_CLASSES] < IGNORE == 255, "the last class is not ignored"


@both_kinds
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
