"""The training step: its loss, its clipping, its learning."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from trainers import CLASSES, make_trainer, scenes, warmed, weights

from sceneparse.core.errors import InputError
from sceneparse.params.whole import Params
from stages.train.refusals import check_finite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def params():
    return Params()


def test_the_first_loss_is_that_of_guessing(params):
    assert float(make_trainer(params).step(scenes()).loss) == pytest.approx(np.log(CLASSES), rel=1e-5)


def test_the_adjustment_counts_in_training_and_not_in_validation(params):
    """All logits are zero at first, so a loss is the weighted mean of the classes' own, by hand."""
    weights, batch = [1.0, 2.0, 0.5], scenes()
    trainer = make_trainer(params, weights=weights, logit_adjustment=0.5, learning_rate=1e-9)
    counts = np.bincount(batch[1].numpy().ravel(), minlength=256)[:CLASSES]
    shift = 0.5 * np.log(weights)
    losses = np.log(np.exp(shift).sum()) - shift
    assert float(trainer.step(batch).loss) == pytest.approx(np.average(losses, weights=counts * weights), rel=1e-5)
    assert trainer.validate([batch])[1] == pytest.approx(np.log(CLASSES), rel=1e-5)


def test_it_overfits_four_pictures(params):
    trainer = make_trainer(params, width=1 / 16, steps=60, learning_rate=0.003)
    batch = scenes()
    for _ in range(60):
        trainer.step(batch)
    confusion, loss = trainer.validate([batch])
    assert confusion.sum() == 4 * (32 * 32 - 4)
    assert np.trace(confusion) / confusion.sum() > 0.95
    assert loss < 0.3


def test_validation_counts_what_the_network_says(params):
    trainer = make_trainer(params)
    images, labels = scenes()
    confusion, loss = trainer.validate([(images[:3], labels[:3]), (images[3:], labels[3:])])
    expected = np.zeros((CLASSES, CLASSES), int)
    for label in labels.numpy()[labels.numpy() != 255]:
        expected[label, 0] += 1  # zero logits: the first class everywhere
    np.testing.assert_array_equal(confusion, expected)
    assert loss == pytest.approx(np.log(CLASSES), rel=1e-5)


@pytest.mark.parametrize("clip", [0.0, 1e-3])
def test_gradients_are_clipped_by_their_global_norm(params, clip):
    trainer = make_trainer(
        params, optimizer="sgd", momentum=0.0, weight_decay=0.0, learning_rate=1.0, poly_power=0.0, clip_norm=clip
    )
    before = [variable.numpy() for variable in trainer.model.trainable_variables]
    trainer.step(scenes())
    after = [variable.numpy() for variable in trainer.model.trainable_variables]
    moved = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(after, before, strict=True)))
    assert moved == pytest.approx(clip, rel=1e-3) if clip else moved > 1e-2


def test_class_weights_reach_the_loss(params):
    """With all weight on one class, the network learns that class and nothing else."""
    trainer = make_trainer(params, weights=[1e-6, 1.0, 1e-6], learning_rate=0.003)
    batch = scenes()
    for _ in range(10):
        trainer.step(batch)
    confusion, _ = trainer.validate([batch])
    assert confusion[:, 1].sum() == confusion.sum()


def test_learning_rate_is_the_last_updates(params):
    trainer = make_trainer(params, steps=10, learning_rate=0.01, poly_power=1.0)
    for _ in range(3):
        trainer.step(scenes())
    assert trainer.learning_rate() == pytest.approx(0.01 * 0.8)


@pytest.mark.parametrize(
    ("precision", "xla"),
    [
        ("mixed_bfloat16", False),
        pytest.param("float32", True, marks=pytest.mark.exhaustive),
        pytest.param("mixed_float16", False, marks=pytest.mark.exhaustive),
    ],
)
def test_precision_and_xla_learn_too(params, precision, xla):
    try:
        trainer = make_trainer(params, precision=precision, xla=xla, learning_rate=0.003)
    finally:
        keras.config.set_dtype_policy("float32")
    losses = [float(trainer.step(scenes()).loss) for _ in range(8)]
    assert losses[-1] < losses[0]


def test_xla_with_mixed_precision_needs_a_gpu(params):
    with pytest.raises(InputError, match="XLA cannot compile mixed precision for the CPU"):
        make_trainer(params, precision="mixed_bfloat16", xla=True)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_divergence_is_an_error(loss):
    with pytest.raises(
        InputError, match=r"training has diverged[\s\S]*by step 7: loss (nan|inf)\n[\s\S]*learning_rate"
    ):
        check_finite({"step": 7, "loss": loss, "mIoU": 0.0}, 7)


def test_norms_of_updates_that_overflow_float16_are_left_out(params):
    """Loss scaling begins too high, by design, and does not make these updates."""
    trainer = warmed(params, precision="mixed_float16")  # with pixels as published, not divided
    before = weights(trainer)
    norms = np.array([trainer.step(scenes()).norms for _ in range(3)])
    np.testing.assert_array_equal(norms, 0)
    assert all(np.array_equal(value, before[path]) for path, value in weights(trainer).items())
    norms = np.asarray(trainer.step(scenes()).norms)
    assert np.isfinite(norms).all()
    assert norms.min() > 0


def test_other_may_be_a_class_of_its_own(params):
    """Pixels of value 0 are learned as the output after the classes; no score counts them."""
    trainer = make_trainer(params, width=1 / 16, steps=60, learning_rate=0.003, model={"other": "class"})
    images, labels = scenes()
    labels = tf.concat([tf.fill([1, 32, 32], tf.constant(255, tf.uint8)), labels[1:]], 0)
    images = tf.concat([tf.zeros_like(images[:1]), images[1:]], 0)
    assert float(trainer.step((images, labels)).loss) == pytest.approx(np.log(CLASSES + 1), rel=1e-5)
    for _ in range(60):
        trainer.step((images, labels))
    logits = trainer.model(images[:1])
    assert logits.shape[-1] == CLASSES + 1
    assert (np.argmax(logits, -1) == CLASSES).mean() > 0.9
    confusion, loss = trainer.validate([(images, labels)])
    assert confusion.shape == (CLASSES, CLASSES + 1)
    assert confusion.sum() == 3 * (32 * 32 - 4)
    assert np.trace(confusion) / confusion.sum() > 0.9
    assert loss < 0.3


@pytest.mark.parametrize("other", ["ignored", "class"])
def test_pictures_that_fill_a_batch_count_in_no_validation(params, other):
    """A photo without labels does, where 'other' is a class."""
    trainer = warmed(params, model={"other": other})
    images, labels = scenes()
    labels = tf.concat([labels[:3], tf.fill([1, 32, 32], tf.constant(255, tf.uint8))], 0)
    confusion, loss = trainer.validate([(images, labels)])
    images = tf.pad(images, [[0, 2], [0, 0], [0, 0], [0, 0]])
    labels = tf.pad(labels, [[0, 2], [0, 0], [0, 0]], constant_values=255)
    filled, as_before = trainer.validate([(images, labels)])
    np.testing.assert_array_equal(filled, confusion)
    assert as_before == pytest.approx(loss, rel=1e-5)
