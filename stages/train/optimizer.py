"""Optimizer and learning rate schedule, from section train of the params."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from sceneparse.core.types import Tensor
from sceneparse.params.train import Train
from stages.train.cpu import one_pass


class PolySchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras has no types
    """Linear warm-up to `peak`, then peak x (1 - progress) ** power down to 0 after the last step.

    The poly policy of Chen et al. (DeepLab, 2016), which the ADE20K baselines use.
    """

    def __init__(self, peak: float, power: float, warmup: int, steps: int) -> None:
        self.peak, self.power, self.warmup, self.steps = peak, power, warmup, steps

    def __call__(self, step: Tensor) -> Tensor:
        """Return the learning rate of the update after `step` updates."""
        done = ops.cast(step, "float32")
        rising = (done + 1) / max(1, self.warmup)
        progress = ops.clip((done - self.warmup) / max(1, self.steps - self.warmup), 0.0, 1.0)
        return self.peak * ops.where(done < self.warmup, rising, (1 - progress) ** self.power)


class PerVariable:
    """Mixin of an optimizer: decoupled weight decay of kernels alone, and a learning rate for each variable.

    `build_optimizer` sets both, in the order of the variables. The decay follows the variable's own rate and comes
    before the update, as in AdamW (Loshchilov, Hutter 2019).
    """

    rates: Sequence[float]
    decays: Sequence[float]
    _get_variable_index: Any  # of Keras's optimizer, which comes next among the bases
    assign_sub: Any

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Update one variable; a large one in one pass."""
        index = self._get_variable_index(variable)
        update = super().update_step  # type: ignore[misc]  # Keras's method

        def decay_and_update(gradient: Tensor, rate: Tensor) -> None:
            if self.decays[index]:
                self.assign_sub(variable, variable * (rate * self.decays[index]))
            update(gradient, variable, rate)

        rate = ops.cast(learning_rate, variable.dtype) * self.rates[index]
        one_pass(decay_and_update, math.prod(variable.shape))(gradient, rate)


class OnePassAdam(keras.optimizers.Adam):  # type: ignore[misc]  # Keras has no types
    """Adam by TensorFlow's own kernel: one pass over a variable, where Keras's operations make ten.

    Its moments are corrected by the number of a variable's own updates. `backbone` says of each variable, in order,
    whether it belongs to the backbone; `apply` with fewer variables than `build` had leaves the backbone out.
    """

    backbone: Sequence[bool]

    def build(self, variables: Sequence[Any]) -> None:
        """Create the moments, and the count of the updates that left the backbone out."""
        super().build(variables)
        self._frozen_updates = self.add_variable((), dtype="int", aggregation="only_first_replica", name="frozen")

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Update the variables once, and count the update as frozen if the backbone is not among them."""
        super().apply(grads, trainable_variables)
        if len(grads) < len(self.backbone):
            self._frozen_updates.assign_add(1)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Update one variable by the arithmetic of Keras's method."""
        if keras.backend.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        index = self._get_variable_index(variable)
        before = self.iterations - self._frozen_updates if self.backbone[index] else self.iterations
        step = ops.cast(before + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=ops.power(ops.cast(self.beta_1, variable.dtype), step),
            beta2_power=ops.power(ops.cast(self.beta_2, variable.dtype), step),
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


class Adam(PerVariable, OnePassAdam):
    """AdamW (Kingma, Ba 2015; Loshchilov, Hutter 2019), variable by variable."""


class SGD(PerVariable, keras.optimizers.SGD):  # type: ignore[misc]  # Keras has no types
    """SGD with momentum and decoupled decay, variable by variable."""


def build_optimizer(params: Train, schedule: PolySchedule, variables: Sequence[Any], backbone: Sequence[Any]) -> Any:
    """Return the keras optimizer for `variables`, of which `backbone` learns at train.backbone_rate times the rate.

    Adds dynamic loss scaling under mixed_float16.
    """
    ids = {id(variable) for variable in backbone}
    slow = [id(variable) in ids for variable in variables]
    if params.optimizer == "adamw":
        optimizer = Adam(schedule, beta_1=params.momentum)
        optimizer.backbone = slow
    else:
        optimizer = SGD(schedule, momentum=params.momentum)
    optimizer.rates = [params.backbone_rate if each else 1.0 for each in slow]
    optimizer.decays = [params.weight_decay if variable.name == "kernel" else 0.0 for variable in variables]
    if params.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer
