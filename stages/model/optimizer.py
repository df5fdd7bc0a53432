"""The optimizer and its schedule, from the params."""

from typing import Any

import keras
from keras import ops

from stages.params import Train


class PolySchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras has no types
    """Linear warm-up to `peak`, then peak x (1 - progress) ** power down to 0 after the last step.

    The poly policy of Chen et al. (DeepLab, 2016), which the ADE20K baselines use.
    """

    def __init__(self, peak: float, power: float, warmup: int, steps: int) -> None:
        self.peak, self.power, self.warmup, self.steps = peak, power, warmup, steps

    def __call__(self, step: Any) -> Any:
        """Learning rate of the update after `step` updates."""
        done = ops.cast(step, "float32")
        rising = (done + 1) / max(1, self.warmup)
        progress = ops.clip((done - self.warmup) / max(1, self.steps - self.warmup), 0.0, 1.0)
        return self.peak * ops.where(done < self.warmup, rising, (1 - progress) ** self.power)

    def get_config(self) -> dict[str, float]:
        """The constructor's arguments."""
        return {"peak": self.peak, "power": self.power, "warmup": self.warmup, "steps": self.steps}


def build_optimizer(params: Train, schedule: PolySchedule) -> Any:
    """The keras optimizer; dynamic loss scaling is added under mixed_float16."""
    if params.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=params.weight_decay, beta_1=params.momentum)
    else:
        optimizer = keras.optimizers.SGD(schedule, momentum=params.momentum, weight_decay=params.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return keras.optimizers.LossScaleOptimizer(optimizer) if params.precision == "mixed_float16" else optimizer
