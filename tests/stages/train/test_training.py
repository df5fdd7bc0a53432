"""The training step: its loss, its clipping, its learning, and the same arithmetic on two devices as on one."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from trainers import CLASSES, make_trainer, scenes, warmed

from sceneparse.core.errors import InputError
from sceneparse.params.whole import Params
from stages.train.refusals import check_finite
from stages.train.training_view import FusedNormalization

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


def weights(trainer):
    return {variable.path: np.asarray(variable) for variable in trainer.model.trainable_variables}


def moves(trainer, **step):
    before = weights(trainer)
    trainer.step(scenes(), **step)
    return {path: value - before[path] for path, value in weights(trainer).items()}


def is_backbone(path):
    return path.startswith("conv")


@pytest.mark.parametrize("micro_batches", [2, pytest.param(4, marks=pytest.mark.exhaustive)])
def test_micro_batches_are_the_large_batch(params, micro_batches):
    """With dropout, and labels that are nearly all in the last picture."""
    images, labels = scenes()
    labels = tf.concat([tf.fill([3, 32, 32], tf.constant(255, tf.uint8)), labels[3:]], 0)
    ends = []
    for count in (1, micro_batches):
        switches = {"clip_norm": 0.05, "micro_batches": count}
        trainer = warmed(params, model={"dropout": 0.5}, **switches)
        updates = [trainer.step((images, labels)) for _ in range(3)]
        ends.append((weights(trainer), [float(u.loss) for u in updates], np.array([u.norms for u in updates])))
    (one, losses, norms), (parts, losses_of_parts, norms_of_parts) = ends
    np.testing.assert_allclose(losses, losses_of_parts, rtol=1e-5)
    np.testing.assert_allclose(norms, norms_of_parts, rtol=1e-3, atol=1e-7)
    for path, value in one.items():
        np.testing.assert_allclose(value, parts[path], rtol=1e-4, atol=1e-6, err_msg=path)


def test_micro_batches_divide_the_batch(params):
    with pytest.raises(InputError, match=r"a multiple of 3[\s\S]*micro_batches"):
        make_trainer(params, micro_batches=3)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_dropout_differs_from_step_to_step(params, rate):
    trainer = warmed(params, model={"dropout": rate}, learning_rate=1e-9)
    first, second = (float(trainer.step(scenes()).loss) for _ in range(2))
    assert (abs(first - second) > 1e-4) == (rate > 0)


def test_normalization_in_one_operation_is_kerass(params):
    """Equal outputs, gradients and moving statistics as Keras's layer, over pixels of few rows."""
    layer = keras.layers.BatchNormalization(momentum=0.7)
    fused = FusedNormalization(layer)
    generator = np.random.default_rng(0)
    inputs = tf.constant(generator.normal(3, 2, (2, 3, 2, 4)), tf.float32)
    layer.build(inputs.shape)
    layer.set_weights([generator.normal(1, 0.5, 4), *generator.normal(size=(2, 4)), generator.uniform(1, 2, 4)])
    before, ends = layer.get_weights(), []
    for each in (layer, fused):
        layer.set_weights(before)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = each(inputs, training=True)
            loss = tf.reduce_sum(outputs**3)
        ends.append(
            [outputs, *tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value]), *layer.get_weights()]
        )
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_norms_are_those_of_each_layers_gradient(params):
    trainer = warmed(params, model={"normalization": "batch"})
    norms = trainer.step(scenes()).norms.numpy()
    again = warmed(params, model={"normalization": "batch"})
    moved = moves(again)
    expected = dict.fromkeys(trainer.layers, 0.0)
    for path, move in moved.items():
        expected[path.split("/")[0].removesuffix("_norm")] += ((move / 0.1) ** 2).sum()
    assert trainer.layers[:2] == ["conv1_1", "conv1_2"]
    assert trainer.layers[-3:] == ["score_fr", "score_pool4", "score_pool3"]
    np.testing.assert_allclose(norms, np.sqrt(list(expected.values())), rtol=1e-3, atol=1e-6)


def test_the_backbone_learns_at_its_own_rate(params):
    full, slow = moves(warmed(params)), moves(warmed(params, backbone_rate=0.1))
    for path, move in full.items():
        expected = move * (0.1 if is_backbone(path) else 1)
        np.testing.assert_allclose(slow[path], expected, rtol=1e-2, atol=1e-7, err_msg=path)
    assert any(np.abs(move).max() > 1e-4 for path, move in full.items() if is_backbone(path))


def test_a_frozen_backbone_stays_and_the_head_learns_as_ever(params):
    full, frozen = moves(warmed(params)), moves(warmed(params), frozen=True)
    for path, move in full.items():
        expected = np.zeros_like(move) if is_backbone(path) else move
        np.testing.assert_allclose(frozen[path], expected, rtol=1e-4, atol=1e-7, err_msg=path)
    norms = warmed(params).step(scenes(), frozen=True).norms.numpy()
    assert not norms[:13].any()
    assert norms[13:].all()


def test_adamw_is_kerass_own_but_for_the_rates(params):
    """Against keras.optimizers.AdamW on the same gradients, one for the backbone and one for the head."""
    trainer = warmed(params, optimizer="adamw", learning_rate=0.01, weight_decay=0.3, backbone_rate=0.1, momentum=0.8)
    ours = trainer.model.trainable_variables
    copies = [keras.Variable(variable, name=variable.name) for variable in ours]
    groups = [[], []]
    for variable, copy in zip(ours, copies, strict=True):
        groups[is_backbone(variable.path)].append((copy, len(groups[0]) + len(groups[1])))
    optimizers = [keras.optimizers.AdamW(0.01 * share, weight_decay=0.3, beta_1=0.8) for share in (1, 0.1)]
    for optimizer in optimizers:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    for _ in range(3):
        update = trainer.step(scenes(), keep_gradients=True)
        factor = float(trainer.pixels / (scenes()[1].numpy() != 255).sum())
        for optimizer, group in zip(optimizers, groups, strict=True):
            optimizer.apply([update.gradients[i] * factor for _, i in group], [copy for copy, _ in group])
    for variable, copy in zip(ours, copies, strict=True):
        np.testing.assert_allclose(variable, copy, rtol=1e-5, atol=1e-6, err_msg=variable.path)


def test_averaged_weights_are_those_that_are_validated(params):
    """The average follows the weights by hand, is what counts in validation, and leaves training as it is."""
    plain = warmed(params, model={"normalization": "batch"})
    trainer = warmed(params, model={"normalization": "batch"}, ema=0.5)
    variables = [v for v in trainer.model.variables if "float" in v.dtype]
    expected = [np.asarray(each) for each in variables]  # as first made: the scores were zero then
    for index, variable in enumerate(variables):
        if variable.path.startswith("score") and variable.path.endswith("kernel"):
            expected[index] = np.zeros_like(expected[index])
    for step in range(1, 4):
        trainer.step(scenes())
        plain.step(scenes())
        decay = min(0.5, (1 + step) / (10 + step))
        expected = [decay * e + (1 - decay) * np.asarray(v) for e, v in zip(expected, variables, strict=True)]
    trained = [np.asarray(each) for each in variables]
    for variable, plain_variable in zip(trainer.model.variables, plain.model.variables, strict=True):
        np.testing.assert_array_equal(variable, plain_variable)
    with trainer.averages.swapped():
        for variable, value in zip(variables, expected, strict=True):
            np.testing.assert_allclose(variable, value, rtol=1e-4, atol=1e-6)
        assert any("moving_mean" in variable.path for variable in variables)
    for variable, value in zip(variables, trained, strict=True):
        np.testing.assert_array_equal(variable, value)


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


DETERMINISTIC = """
import sys
sys.path.insert(0, "tests/support")
import tensorflow as tf
from pathlib import Path
from sceneparse.params.whole import Params
from trainers import make_trainer, scenes
params = Params()
trainer = make_trainer(params, deterministic=True)
losses = [float(trainer.step(scenes()).loss) for _ in range(3)]
assert losses[-1] < losses[0]
try:
    tf.random.uniform([1])
except RuntimeError as error:
    assert "determinism" in str(error)
else:
    raise AssertionError("a random operation without a seed passes")
"""


@pytest.mark.exhaustive
def test_determinism_is_switched_on_for_all_operations(root):
    done = subprocess.run([sys.executable, "-c", DETERMINISTIC], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


TWO_DEVICES = """
import sys
sys.path.insert(0, "tests/support")
import numpy as np, tensorflow as tf
from pathlib import Path
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0],
                                           [tf.config.LogicalDeviceConfiguration()] * 2)
from sceneparse.core.errors import InputError
from stages.train.training import Trainer
from stages.train.training_view import FusedNormalization
from sceneparse.params.whole import Params
from trainers import scenes
params = Params()
model = params.model.model_copy(update={"width": 1 / 32, "dropout": 0.5, "normalization": sys.argv[1]})
changes = {"warmup_steps": 0, "optimizer": "sgd", "learning_rate": 0.05, "clip_norm": 0.05, "ema": 0.5}
if sys.argv[1] == "none":
    changes["micro_batches"] = 2
train = params.train.model_copy(update=changes)
images, labels = scenes()
labels = tf.tensor_scatter_nd_update(labels, [[0], [1]], tf.fill([2, 32, 32], tf.constant(255, tf.uint8)))
updates = 5 if sys.argv[1] == "none" else 3
ends = []
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    trainer = Trainer(model, train, [1.0, 2.0, 3.0], 32, 10, strategy=strategy)
    batch = tf.data.Dataset.from_tensor_slices((images, labels))
    def batches(part, count):
        return batch.repeat(count).batch(part.get_per_replica_batch_size(4), drop_remainder=True)
    losses = [float(trainer.step(batch).loss) for batch in trainer.distribute(lambda part: batches(part, updates))]
    confusion, loss = trainer.validate(trainer.distribute(lambda part: batches(part, 1)))
    np.testing.assert_allclose(trainer.learning_rate(), 0.05 * (1 - (len(losses) - 1) / 10) ** 0.9, rtol=1e-6)
    with trainer.averages.swapped():
        averaged = trainer.model.get_weights()
    ends.append((losses, loss, confusion, [*trainer.model.get_weights(), *averaged]))
(one, loss_one, confusion_one, weights_one), (two, loss_two, confusion_two, weights_two) = ends
assert one[-1] < one[0]
# The statistics of few and small pictures amplify the last bits.
rough = 1 if sys.argv[1] == "none" else 20
np.testing.assert_allclose(one, two, rtol=1e-4 * rough)
np.testing.assert_allclose(loss_one, loss_two, rtol=1e-4 * rough)
np.testing.assert_array_equal(confusion_one.sum(), confusion_two.sum())
for a, b in zip(weights_one, weights_two, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-3 * rough, atol=1e-5 * rough**2)
try:
    Trainer(model, train.model_copy(update={"batch_size": 5, "micro_batches": 1}), [1.0], 32, 10, strategy=strategy)
except InputError as error:
    assert "a multiple of 2" in str(error) and "train.batch_size 5" in str(error), error
else:
    raise AssertionError("five pictures on two devices")
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_two_devices_do_what_one_does(root, normalization):
    """The labelled pixels are all on the second device: only a global mean and a global clip give equal weights.

    So does only dropout that is drawn for the whole batch, and normalization over all of it.
    """
    command = [sys.executable, "-c", TWO_DEVICES, normalization]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
