"""Updates of weights: of a batch in parts, of a backbone with a rate of its own, and their average."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from trainers import make_trainer, scenes, warmed, weights

from sceneparse.core.errors import InputError
from sceneparse.params.whole import Params
from stages.train import cpu
from stages.train.checkpoint import Checkpoints
from stages.train.training_view import FusedNormalization

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def params():
    return Params()


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


def test_adamw_is_kerass_own_but_for_the_rates(params, monkeypatch):
    """Against keras.optimizers.AdamW on the same gradients, one for the backbone and one for the head.

    The large kernels' updates are compiled.
    """
    monkeypatch.setattr(cpu, "LEAST", 5000)
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


def test_a_thawed_backbone_moves_as_by_a_fresh_adamw(params, monkeypatch, tmp_path):
    """Updates of the head alone do not count in the correction of the backbone's moments, nor after a resume."""
    monkeypatch.setattr(cpu, "LEAST", 5000)
    how = {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.3, "backbone_rate": 0.1, "momentum": 0.8}
    trainers = [warmed(params, **how) for _ in range(2)]
    checkpoints = [Checkpoints(tmp_path, "a" * 16, each.model, each.extras) for each in trainers]
    for _ in range(3):
        trainers[0].step(scenes(), frozen=True)
    checkpoints[0].save(3, None, {})
    checkpoints[1].restore()
    ours = [variable for variable in trainers[1].model.trainable_variables if is_backbone(variable.path)]
    copies = [keras.Variable(variable, name=variable.name) for variable in ours]
    optimizer = keras.optimizers.AdamW(0.001, weight_decay=0.3, beta_1=0.8)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    for _ in range(3):
        update = trainers[1].step(scenes(), keep_gradients=True)
        factor = float(trainers[1].pixels / (scenes()[1].numpy() != 255).sum())
        optimizer.apply([gradient * factor for gradient in update.gradients[: len(ours)]], copies)
    for variable, copy in zip(ours, copies, strict=True):
        np.testing.assert_allclose(variable, copy, rtol=1e-5, atol=1e-6, err_msg=variable.path)


def test_averaged_weights_are_those_that_are_validated(params, monkeypatch):
    """The average follows the weights by hand, is what counts in validation, and leaves training as it is.

    The large kernels' averages are compiled.
    """
    monkeypatch.setattr(cpu, "LEAST", 5000)
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
