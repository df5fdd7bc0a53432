"""Deciding for the mean IoU: the constants against every decision made one by one, and the network that adds them."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from network_params import model_params

from sceneparse.dataset.labels import IGNORE
from sceneparse.network.fcn8s import build_fcn8s
from sceneparse.scores.metrics import confusion_matrix
from stages.train.decision import PIXELS, _ious_by_constant, best_constants, sample, with_constants

GRID = np.arange(-5, 6, dtype=np.float32)


def mean_iou(logits, labels, constants):
    """Mean IoU by the project's scores, over the classes that are labelled."""
    predictions = (logits + constants).argmax(axis=1).astype(np.uint8)
    confusion = confusion_matrix(labels, predictions, logits.shape[1])
    present = confusion.sum(axis=1) > 0
    hits, union = np.diag(confusion), confusion.sum(axis=1) + confusion[:, :-1].sum(axis=0) - np.diag(confusion)
    return (hits[present] / union[present]).mean()


def pixels(classes=4, count=2000, seed=0):
    """Whole logits, so that many tie, and labels that they know something of; the last class is never labelled."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes - 1, count, p=[0.8, 0.15, 0.05]).astype(np.uint8)
    logits = rng.integers(-2, 3, (count, classes)) + 2 * np.eye(classes, dtype=int)[labels]
    return logits.astype(np.float32), labels


@pytest.mark.parametrize("index", range(4))
def test_ious_of_all_constants_at_once_are_those_of_each_alone(index):
    logits, labels = pixels()
    labelled = np.bincount(labels, minlength=4)
    ious = _ious_by_constant(logits, labels, labelled, index, GRID)
    assert ious == pytest.approx([mean_iou(logits, labels, np.eye(4)[index] * value) for value in GRID], abs=1e-12)
    assert len(set(ious)) > 3


@pytest.mark.parametrize("seed", range(3))
def test_constants_maximize_the_mean_iou(seed):
    logits, labels = pixels(seed=seed)
    logits += np.random.default_rng(seed).normal(size=logits.shape).astype(np.float32)
    logits[:, seed] += 2  # one class too many, so that constants fall as well as rise
    constants, before, after = best_constants(logits, labels)
    assert before == pytest.approx(mean_iou(logits, labels, 0))
    assert after == pytest.approx(mean_iou(logits, labels, constants))
    assert after > before + 0.01
    assert constants[3] == 0  # never labelled
    for index in range(3):  # no other constant of one class is better
        for value in np.linspace(-3, 3, 61, dtype=np.float32):
            changed = constants.copy()
            changed[index] = value
            assert mean_iou(logits, labels, changed) <= after + 1e-12


def test_a_class_that_is_never_the_likeliest_is_chosen():
    """Half the pixels are of class 1 with a probability of 0.4, which is never the higher one."""
    probabilities = np.array([[0.99, 0.01]] * 100 + [[0.6, 0.4]] * 100)
    labels = np.array([0] * 160 + [1] * 40, np.uint8)
    constants, before, after = best_constants(np.log(probabilities).astype(np.float32), labels)
    assert before == pytest.approx((160 / 200 + 0) / 2)
    assert after == pytest.approx((100 / 160 + 40 / 100) / 2)
    assert constants[1] - constants[0] > np.log(0.6 / 0.4)


def test_without_a_labelled_pixel_nothing_changes():
    constants, before, after = best_constants(np.zeros((0, 3), np.float32), np.zeros(0, np.uint8))
    assert (constants.tolist(), before, after) == ([0, 0, 0], 0, 0)


def test_nothing_changes_where_nothing_can_be_gained():
    labels = np.arange(3, dtype=np.uint8).repeat(5)
    constants, before, after = best_constants(np.eye(3, dtype=np.float32)[labels], labels)
    assert (constants.tolist(), before, after) == ([0, 0, 0], 1, 1)


@pytest.fixture(scope="module")
def network():
    model = build_fcn8s(3, model_params(width=1 / 64, upsampling="learned", other="class"))
    kernel = model.get_layer("score_pool3").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return model


def pictures(batches=2):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (batches, 2, 32, 32, 3), np.uint8)
    labels = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None] % 3, (batches, 2, 32, 32)).copy()
    labels[:, :, :, 8:] = IGNORE
    return tf.data.Dataset.from_tensor_slices((images, labels))


def test_sampled_pixels_have_labels_and_their_own_logits(network):
    logits, labels = sample(network, pictures())
    assert logits.shape == (len(labels), 4)
    assert logits.dtype == np.float32
    assert 4 * PIXELS * 0.2 < len(labels) < 4 * PIXELS * 0.3  # a quarter is labelled
    assert set(labels) == {0, 1, 2}
    known = {}
    for images, truth in pictures():
        for row, label in zip(network(images).numpy().reshape(-1, 4), truth.numpy().ravel(), strict=True):
            known.setdefault(int(label), set()).add(tuple(np.round(row, 4)))
    assert all(tuple(np.round(row, 4)) in known[label] for row, label in zip(logits, labels.tolist(), strict=True))


@pytest.mark.slow
def test_the_network_adds_its_constants_and_needs_no_code_of_ours(network, tmp_path):
    constants = np.array([0.5, -1, 0, 2], np.float32)
    images = next(iter(pictures()))[0]
    saved = tmp_path / "model.keras"
    with_constants(network, constants).save(saved)
    np.savez(tmp_path / "images.npz", images=images, logits=network(images) + constants)
    code = """
import keras, numpy as np, sys
data = np.load("images.npz")
logits = np.asarray(keras.saving.load_model("model.keras")(data["images"]))
assert logits.dtype == np.float32
np.testing.assert_allclose(logits, data["logits"], atol=1e-5)
assert not any(name.partition(".")[0] in ("sceneparse", "stages") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-I", "-c", code], check=True, cwd=tmp_path, capture_output=True)
