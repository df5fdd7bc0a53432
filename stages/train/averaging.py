"""Moving average of the weights (Polyak, Juditsky 1992), which training validates and saves.

It covers all float variables of the network, batch statistics included. Invariant: outside of `swapped`
the network holds the weights being trained.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from sceneparse.core.types import Tensor
from stages.train.cpu import one_pass


class Averages:
    """Averages of a network's variables; none with a decay of 0. Create it in the strategy's scope."""

    def __init__(self, variables: Sequence[Any], decay: float) -> None:
        self._decay = decay
        floats = [variable.value for variable in variables if np.issubdtype(variable.dtype, np.floating)]
        self._averaged = floats if decay else []
        self.variables = [tf.Variable(variable, trainable=False) for variable in self._averaged]

    def update(self, step: Tensor, strategy: Any) -> None:
        """Take in the weights after `step` updates (int64). Early on the decay is lower: (1 + s) / (10 + s)."""
        done = tf.cast(step, tf.float32)
        share = 1 - tf.minimum(self._decay, (1 + done) / (10 + done))
        for average, variable in zip(self.variables, self._averaged, strict=True):
            move = one_pass(_move, math.prod(average.shape))
            strategy.extended.update(average, move, args=(variable, share))

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Give the network its averaged weights inside the with block."""
        trained = [variable.numpy() for variable in self._averaged]
        for variable, average in zip(self._averaged, self.variables, strict=True):
            variable.assign(average.numpy())
        try:
            yield
        finally:
            for variable, value in zip(self._averaged, trained, strict=True):
                variable.assign(value)


def _move(average: Tensor, value: Tensor, share: Tensor) -> Tensor:
    return average.assign_add(share * (value - average))
