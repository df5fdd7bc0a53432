"""The poly schedule by hand, and which weights decay."""

import keras
import numpy as np
import pytest

from sceneparse.params.whole import Params
from stages.train import cpu
from stages.train.optimizer import PolySchedule, build_optimizer


@pytest.fixture(scope="module")
def params():
    return Params().train


@pytest.fixture(params=["compiled", "not compiled"])
def _both(request, monkeypatch):
    """Updates as large variables have them, compiled by XLA, and as small ones have them."""
    monkeypatch.setattr(cpu, "LEAST", 0 if request.param == "compiled" else 1 << 20)


def test_poly_with_warm_up_by_hand():
    schedule = PolySchedule(peak=0.1, power=0.9, warmup=4, steps=14)
    assert [float(schedule(step)) for step in range(4)] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert float(schedule(4)) == pytest.approx(0.1)
    assert float(schedule(9)) == pytest.approx(0.1 * 0.5**0.9)
    assert float(schedule(14)) == 0


def test_without_warm_up_and_with_power_zero():
    assert float(PolySchedule(0.1, 0.9, 0, 10)(0)) == pytest.approx(0.1)
    assert float(PolySchedule(0.1, 0.0, 0, 10)(9)) == pytest.approx(0.1)


@pytest.mark.usefixtures("_both")
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_kernels_decay_and_biases_do_not(params, name):
    layer = keras.layers.Dense(2)
    layer.build((None, 2))
    layer.set_weights([np.ones((2, 2)), np.ones(2)])
    train = params.model_copy(update={"optimizer": name, "weight_decay": 0.1})
    optimizer = build_optimizer(train, PolySchedule(0.5, 0.0, 0, 10), layer.trainable_variables, [])
    optimizer.apply([np.zeros((2, 2), np.float32), np.zeros(2, np.float32)], layer.trainable_variables)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(kernel, 1 - 0.5 * 0.1, rtol=1e-6)
    np.testing.assert_array_equal(bias, 1)


@pytest.mark.usefixtures("_both")
def test_adamw_by_hand(params):
    """The published update in NumPy, for a kernel of the backbone and one of the head."""
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=(3, 4)) for _ in range(2)]
    variables = [keras.Variable(value, dtype="float32", name="kernel") for value in weights]
    train = params.model_copy(update={"weight_decay": 0.1, "backbone_rate": 0.5})
    optimizer = build_optimizer(train, PolySchedule(0.01, 0.0, 0, 10), variables, variables[:1])
    moments = [[np.zeros((3, 4)), np.zeros((3, 4))] for _ in range(2)]
    for step in range(1, 6):
        gradients = [generator.normal(size=(3, 4)) for _ in range(2)]
        optimizer.apply([gradient.astype(np.float32) for gradient in gradients], variables)
        for number, (gradient, (m, v), rate) in enumerate(zip(gradients, moments, (0.005, 0.01), strict=True)):
            m[:] = 0.9 * m + (1 - 0.9) * gradient
            v[:] = 0.999 * v + (1 - 0.999) * gradient**2
            change = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-7)
            weights[number] = weights[number] * (1 - rate * 0.1) - rate * change
    for variable, weight in zip(variables, weights, strict=True):
        np.testing.assert_allclose(np.array(variable), weight, rtol=1e-5)


@pytest.mark.usefixtures("_both")
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_the_first_update_of_a_thawed_backbone_is_its_rate(params, precision):
    """A step of Adam is the learning rate, for equal gradients; the head's updates are not the backbone's."""
    backbone, head = (keras.Variable([0.0], dtype="float32", name="kernel") for _ in range(2))
    train = params.model_copy(update={"weight_decay": 0.0, "backbone_rate": 0.1, "precision": precision})
    optimizer = build_optimizer(train, PolySchedule(0.01, 0.0, 0, 100), [backbone, head], [backbone])
    gradients, moved = [np.array([1e6], np.float32)] * 2, []  # large: float16 divides them by the loss scale
    for _ in range(30):
        optimizer.apply(gradients[1:], [head])
    for _ in range(3):
        before = float(backbone[0])
        optimizer.apply(gradients, [backbone, head])
        moved.append(before - float(backbone[0]))
    np.testing.assert_allclose(moved, 0.001, rtol=1e-3)
    assert float(head[0]) == pytest.approx(-0.33, rel=1e-3)


def test_float16_scales_the_loss(params):
    train = params.model_copy(update={"precision": "mixed_float16"})
    assert isinstance(
        build_optimizer(train, PolySchedule(0.1, 0.9, 0, 10), [], []), keras.optimizers.LossScaleOptimizer
    )
