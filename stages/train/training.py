"""Training step and validation pass, under any tf.distribute strategy.

The loss is the mean over all labelled pixels of the global batch, gradients are clipped after they
are summed over the replicas, and dropout is drawn for the global batch, so a step does the same
arithmetic on one device and on many, in one piece and in micro-batches (except batch normalization,
which takes the statistics of a micro-batch).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.dataset.labels import IGNORE, count_classes, labels_to_outputs
from sceneparse.network.card import Origin
from sceneparse.network.coarse import best_outputs_upsampled, cut_upsampling
from sceneparse.network.fcn8s import build_fcn8s
from sceneparse.params.model import Model
from sceneparse.params.train import Train
from sceneparse.records.batches import is_filling
from stages.train.averaging import Averages
from stages.train.batch_loss import batch_loss, batch_loss_and_gradient
from stages.train.cpu import keep_large_blocks, one_pass
from stages.train.losses import logit_adjustment, pixel_cross_entropy, weighted_losses
from stages.train.optimizer import PolySchedule, build_optimizer
from stages.train.refusals import check_compiles, check_divides
from stages.train.training_view import Part, training_view


class Update(NamedTuple):
    """Result of an update: the loss before it (float32) and the norms of the layers' unclipped gradients (float32 [L]).

    Where float16 overflows, all norms are 0: loss scaling leaves such an update out. `gradients` are proportional to
    those of the mean loss, before clipping; empty without `keep_gradients`.
    """

    loss: Tensor
    norms: Tensor
    gradients: list[Tensor]


class Trainer:
    """Network, its optimizer and the compiled steps."""

    def __init__(
        self,
        model: Model,
        train: Train,
        class_weights: list[float],
        size: int,
        steps: int,
        initialize: Callable[[Any], Origin] | None = None,
        strategy: Any = None,
    ) -> None:
        """`class_weights` has one weight per output; pictures are `size` x `size`; the schedule ends after `steps`.

        `initialize` sets the first weights of the network; without it they are random.
        """
        keep_large_blocks(model)
        keras.config.set_dtype_policy(train.precision)
        if train.deterministic:
            tf.config.experimental.enable_op_determinism()
        self.params = train
        self.class_weights = class_weights
        # Added to coarse scores, the same as to logits: bilinear interpolation keeps what is equal everywhere.
        self._adjustment = logit_adjustment(class_weights, train.logit_adjustment)
        self.outputs = len(class_weights)
        self.classes = count_classes(self.outputs, model.ignores_other)
        # Sums over pixels are divided by this constant first: float16 would not hold them.
        self.pixels = float(size**2 * train.batch_size)
        self.schedule = PolySchedule(train.learning_rate, train.poly_power, train.warmup_steps, steps)
        self.strategy = strategy or tf.distribute.get_strategy()
        check_divides(train, self.strategy.num_replicas_in_sync)
        check_compiles(model, train, self.strategy.num_replicas_in_sync)
        with self.strategy.scope():
            self.model = build_fcn8s(self.classes, model, train.seed)
            self.origin = initialize(self.model) if initialize else None
            variables = self.model.trainable_variables
            backbone = [variable for variable in variables if _layer(variable).startswith("conv")]
            self.optimizer = build_optimizer(train, self.schedule, variables, backbone)
            self._scales_loss = isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)
            self.averages = Averages(self.model.variables, train.ema)
            self._part = Part(self.optimizer.iterations)
            self._coarse, self._factor = cut_upsampling(self.model)
            self._training_view = training_view(self._coarse, self._part)
        self.layers = list(dict.fromkeys(map(_layer, variables)))
        self._head = variables[len(backbone) :]  # the backbone comes first
        # Nothing here branches on a tensor, and autograph takes seconds to look for that.
        graph = partial(tf.function, autograph=False)
        self._loss = partial(pixel_cross_entropy, compute=one_pass(weighted_losses))
        # Only XLA gets a function of its own: normalization talks to other replicas, from the step's own graph.
        self._gradients = graph(self._part_gradients, jit_compile=True) if train.xla else self._part_gradients
        self._step = graph(self._distributed_step)
        self._validate = graph(self._distributed_validation, reduce_retracing=True)

    @property
    def extras(self) -> list[Any]:
        """Variables besides the network's that a step changes."""
        return [*self.optimizer.variables, *self.averages.variables]

    def distribute(self, batches: Callable[[tf.distribute.InputContext], Any]) -> Iterable[Any]:
        """Make this worker's batches and divide them among its replicas."""
        distributed: Iterable[Any] = self.strategy.distribute_datasets_from_function(batches)
        return distributed

    def step(self, batch: Any, *, frozen: bool = False, keep_gradients: bool = False) -> Update:
        """Update once, without waiting for the device. `frozen` updates the head alone, at less cost."""
        update: Update = self._step(batch, frozen, keep_gradients)
        return update

    def learning_rate(self) -> float:
        """Learning rate of the last update."""
        return float(self.schedule(int(self.optimizer.iterations.numpy()) - 1))

    def validate(self, batches: Iterable[Any]) -> tuple[Any, float]:
        """Return the confusion matrix and the unweighted mean loss over the pixels that are not ignored.

        The matrix is int64 [N, N], rows truth; [N, N + 1] where 'other' is a class, the last column its predictions.
        """
        confusion, sums = np.zeros((self.classes, self.outputs), np.int64), np.zeros(2)
        for batch in batches:
            matrix, loss_sum, pixels = self._validate(batch)
            confusion += matrix.numpy()
            sums += [float(loss_sum), float(pixels)]
        return confusion, sums[0] / max(1.0, sums[1])

    def _distributed_step(self, batch: Any, frozen: bool, keep_gradients: bool) -> Update:
        updates = self.strategy.run(self._replica_step, args=(*batch, frozen, keep_gradients))
        self.averages.update(self.optimizer.iterations, self.strategy)
        # Already summed: all replicas have the same.
        first = (self.strategy.experimental_local_results(value)[0] for value in tf.nest.flatten(updates))
        update: Update = tf.nest.pack_sequence_as(updates, list(first))
        return update

    def _replica_step(self, images: Tensor, labels: Tensor, frozen: bool, keep_gradients: bool) -> Update:
        replicas = tf.distribute.get_replica_context()
        variables = self._head if frozen else self.model.trainable_variables
        sums = replicas.all_reduce(tf.distribute.ReduceOp.SUM, self._sums(images, labels, frozen))
        loss_sum, weight_sum, gradients = sums[0], tf.maximum(sums[1], 1e-6), sums[2:]
        factor = self.pixels / weight_sum  # from d(sum / pixels) to d(mean over labelled pixels)
        squares = dict.fromkeys(self.layers, tf.constant(0.0))
        for variable, gradient in zip(variables, gradients, strict=True):
            squares[_layer(variable)] += 2 * tf.nn.l2_loss(gradient)
        norms = tf.sqrt(tf.stack(list(squares.values()))) * factor / self._loss_scale()
        if self.params.clip_norm:
            factor *= tf.minimum(1.0, self.params.clip_norm / tf.norm(norms))
        if self._scales_loss:
            norms = tf.where(tf.reduce_all(tf.math.is_finite(norms)), norms, tf.zeros_like(norms))
        # The optimizer sums over the replicas again, hence the division.
        scaled = [gradient * (factor / replicas.num_replicas_in_sync) for gradient in gradients]
        self.optimizer.apply(scaled, variables)
        return Update(loss_sum / weight_sum, norms, gradients if keep_gradients else [])

    def _sums(self, images: Tensor, labels: Tensor, frozen: bool) -> list[Tensor]:
        """Return `_part_gradients` summed over the micro-batches of the replica's rows."""
        count = self.params.micro_batches
        rows = images.shape[0] // count
        total: list[Tensor] = []
        for index in range(count):
            part = slice(index * rows, (index + 1) * rows)
            # Without the dependency TensorFlow would work on all parts at a time, and hold them all.
            with tf.control_dependencies(total):
                addends = self._gradients(images[part], labels[part], index, frozen)
            total = [a + b for a, b in zip(total, addends, strict=True)] if total else addends
        return total

    def _part_gradients(self, images: Tensor, labels: Tensor, index: int, frozen: bool) -> list[Tensor]:
        """Return [loss sum, weight sum, gradient of loss sum / pixels (times the loss scale) for each variable]."""
        self._part.index, self._part.of = index, self.params.micro_batches
        variables = self._head if frozen else self.model.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            scores = self._training_view(images, training=True) + self._adjustment
        sums = partial(self._loss, class_weights=self.class_weights)
        loss_sum, weight_sum, gradient = batch_loss_and_gradient(self._targets(labels), scores, self._factor, sums)
        gradient *= self._loss_scale() / self.pixels
        return [loss_sum, weight_sum, *tape.gradient(scores, variables, gradient)]

    def _targets(self, labels: Tensor) -> Tensor:
        return labels_to_outputs(labels, self.classes, self.outputs)

    def _loss_scale(self) -> Tensor:
        return tf.convert_to_tensor(self.optimizer.dynamic_scale) if self._scales_loss else 1.0

    def _distributed_validation(self, batch: Any) -> list[Tensor]:
        sums = self.strategy.run(self._replica_validation, args=batch)
        return [self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in sums]

    def _replica_validation(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores = self._coarse(images, training=False)
        sums = partial(self._loss, class_weights=[1.0] * self.outputs)
        # Where 'other' is a class, a picture without labels counts in the loss, but not one that fills the batch.
        filling = is_filling(images, labels)[:, tf.newaxis, tf.newaxis]
        targets = tf.where(filling, tf.constant(IGNORE, tf.uint8), self._targets(labels))
        loss_sum, pixels = batch_loss(targets, scores, self._factor, sums)
        index = tf.cast(labels, tf.int32) * self.outputs + best_outputs_upsampled(scores, self._factor)
        cells = self.classes * self.outputs
        # Ignored pixels all fall into one extra cell, which is cut off.
        counts = tf.math.bincount(tf.minimum(index, cells), minlength=cells + 1, dtype=tf.int64)[:cells]
        return tf.reshape(counts, [self.classes, self.outputs]), loss_sum, pixels


def _layer(variable: Any) -> str:
    """Return the layer that a variable counts to; a normalization counts to its convolution."""
    return str(variable.path).partition("/")[0].removesuffix("_norm")
