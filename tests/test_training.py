"""The training step: its loss, its clipping, its learning, and the same arithmetic on two devices as on one."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from stages.errors import InputError
from stages.model.training import Trainer, check_finite
from stages.params import load_params

CLASSES = 3


@pytest.fixture(scope="module")
def params(root):
    return load_params(root / "presets/demo.yaml")


def make_trainer(params, *, width=1 / 32, weights=None, steps=1000, **train):
    train = {"warmup_steps": 0, "batch_size": 4, **train}
    model = params.model.model_copy(update={"width": width, "dropout": 0.0})
    return Trainer(model, params.train.model_copy(update=train), weights or [1.0] * CLASSES, 32, steps)


def scenes(count=4, size=32, seed=0):
    """Pictures whose colour tells the class, a few pixels ignored."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, CLASSES, (count, 2, 2))
    labels = coarse.repeat(size // 2, 1).repeat(size // 2, 2).astype(np.uint8)
    colours = np.array([[220, 40, 40], [40, 220, 40], [40, 40, 220]])
    images = (colours[labels] + generator.integers(-30, 30, (count, size, size, 3))).clip(0, 255).astype(np.uint8)
    labels[:, :2, :2] = 255
    return tf.constant(images), tf.constant(labels)


def test_the_first_loss_is_that_of_guessing(params):
    assert float(make_trainer(params).step(scenes())) == pytest.approx(np.log(CLASSES), rel=1e-5)


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


@pytest.mark.parametrize(("precision", "xla"), [("float32", True), ("mixed_bfloat16", False), ("mixed_float16", False)])
def test_precision_and_xla_learn_too(params, precision, xla):
    import keras

    try:
        trainer = make_trainer(params, precision=precision, xla=xla, learning_rate=0.003)
    finally:
        keras.config.set_dtype_policy("float32")
    losses = [float(trainer.step(scenes())) for _ in range(8)]
    assert losses[-1] < losses[0]


def test_xla_with_mixed_precision_needs_a_gpu(params):
    with pytest.raises(InputError, match="XLA cannot compile mixed precision for the CPU"):
        make_trainer(params, precision="mixed_bfloat16", xla=True)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_divergence_is_an_error(loss):
    with pytest.raises(InputError, match=r"training has diverged[\s\S]*by step 7[\s\S]*learning_rate"):
        check_finite(loss, 7)


TWO_DEVICES = """
import sys
sys.path.insert(0, "tests")
import numpy as np, tensorflow as tf
from pathlib import Path
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0],
                                           [tf.config.LogicalDeviceConfiguration()] * 2)
from stages.errors import InputError
from stages.model.training import Trainer
from stages.params import load_params
from test_training import scenes
params = load_params(Path("presets/demo.yaml"))
model = params.model.model_copy(update={"width": 1 / 32, "dropout": 0.5})
changes = {"warmup_steps": 0, "optimizer": "sgd", "learning_rate": 0.05, "clip_norm": 0.05}
train = params.train.model_copy(update=changes)
images, labels = scenes()
labels = tf.tensor_scatter_nd_update(labels, [[0], [1]], tf.fill([2, 32, 32], tf.constant(255, tf.uint8)))
ends = []
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    trainer = Trainer(model, train, [1.0, 2.0, 3.0], 32, 10, strategy=strategy)
    batch = tf.data.Dataset.from_tensor_slices((images, labels))
    def batches(part, count):
        return batch.repeat(count).batch(part.get_per_replica_batch_size(4), drop_remainder=True)
    losses = [float(trainer.step(batch)) for batch in trainer.distribute(lambda part: batches(part, 5))]
    confusion, loss = trainer.validate(trainer.distribute(lambda part: batches(part, 1)))
    assert trainer.learning_rate() == np.float32(0.05 * (1 - 4 / 10) ** 0.9)
    ends.append((losses, loss, confusion, trainer.model.get_weights()))
(one, loss_one, confusion_one, weights_one), (two, loss_two, confusion_two, weights_two) = ends
assert one[-1] < one[0]
np.testing.assert_allclose(one, two, rtol=1e-4)
np.testing.assert_allclose(loss_one, loss_two, rtol=1e-4)
np.testing.assert_array_equal(confusion_one.sum(), confusion_two.sum())
for a, b in zip(weights_one, weights_two, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
try:
    Trainer(model, train.model_copy(update={"batch_size": 5}), [1.0], 32, 10, strategy=strategy)
except InputError as error:
    assert "a multiple of the 2 devices" in str(error) and "train.batch_size 5" in str(error), error
else:
    raise AssertionError("five pictures on two devices")
"""


def test_two_devices_do_what_one_does(root):
    """The labelled pixels are all on the second device: only a global mean and a global clip give equal weights.

    So does only dropout that is drawn for the whole batch.
    """
    done = subprocess.run([sys.executable, "-c", TWO_DEVICES], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
