"""One training step and one validation pass, under any tf.distribute strategy.

The loss is the mean over all labelled pixels of the global batch, gradients are clipped after they
are summed over the replicas, and dropout is drawn for the global batch, so a step does the same
arithmetic on one device and on many.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stages.errors import InputError
from stages.model.fcn8s import build_fcn8s, transplant
from stages.model.losses import pixel_cross_entropy
from stages.model.optimizer import PolySchedule, build_optimizer
from stages.params import Model, Train


class Trainer:
    """The network, its optimizer and the compiled steps."""

    def __init__(
        self,
        model: Model,
        train: Train,
        class_weights: list[float],
        size: int,
        steps: int,
        backbone: dict[str, Any] | None = None,
        strategy: Any = None,
    ) -> None:
        keras.config.set_dtype_policy(train.precision)
        self.params = train
        self.class_weights = class_weights
        self.classes = len(class_weights)
        # Sums over pixels are divided by this constant first: float16 would not hold them.
        self.pixels = float(size * size * train.batch_size)
        self.schedule = PolySchedule(train.learning_rate, train.poly_power, train.warmup_steps, steps)
        self.strategy = strategy or tf.distribute.get_strategy()
        if train.batch_size % self.strategy.num_replicas_in_sync:
            raise InputError(
                "a training batch cannot be divided evenly",
                expected=f"a multiple of the {self.strategy.num_replicas_in_sync} devices of all workers",
                got=f"train.batch_size {train.batch_size}",
                file="params.yaml",
                next_step="change train.batch_size, which counts the images of all devices together",
            )
        if train.xla and train.precision != "float32" and not tf.config.list_logical_devices("GPU"):
            raise InputError(
                "XLA cannot compile mixed precision for the CPU",
                expected="a GPU, or float32, or no XLA",
                got=f"train.precision {train.precision} and train.xla true on a machine without a GPU",
                file="params.yaml",
                next_step="set train.precision to float32 or train.xla to false",
            )
        with self.strategy.scope():
            self.model = build_fcn8s(self.classes, model.backbone, model.width, model.dropout, train.seed)
            if backbone is not None:
                transplant(self.model, backbone)
            self._training_model = keras.models.clone_model(self.model, clone_function=_for_training)
            self.optimizer = build_optimizer(train, self.schedule)
            self.optimizer.build(self.model.trainable_variables)
        self._gradients: Callable[[Any, Any], Any] = tf.function(self._loss_and_gradients, jit_compile=train.xla)
        self._step: Callable[[Any], Any] = tf.function(self._distributed_step)
        self._validate: Callable[[Any], Any] = tf.function(self._distributed_validation, reduce_retracing=True)

    def distribute(
        self, batches: Callable[[tf.distribute.InputContext], Any], *, endless: bool = False
    ) -> Iterable[Any]:
        """The batches made for this worker, dealt out to its replicas.

        Made `endless` they begin anew at the end; several workers do not ask each other for it before each batch.
        """

        def make(part: tf.distribute.InputContext) -> Any:
            return batches(part).repeat() if endless else batches(part)

        distributed: Iterable[Any] = self.strategy.distribute_datasets_from_function(make)
        return distributed

    def step(self, batch: Any) -> Any:
        """One update; returns the loss before it, a float32 scalar tensor (not waited for)."""
        return self._step(batch)

    def learning_rate(self) -> float:
        """Of the last update."""
        return float(self.schedule(int(self.optimizer.iterations.numpy()) - 1))

    def validate(self, batches: Iterable[Any]) -> tuple[Any, float]:
        """Confusion matrix, int64 [N, N] (rows truth), and unweighted mean loss over labelled pixels."""
        confusion, loss_sum = np.zeros((self.classes, self.classes), np.int64), 0.0
        for batch in batches:
            matrix, loss = self._validate(batch)
            confusion += matrix.numpy()
            loss_sum += float(loss)
        return confusion, loss_sum / max(1, int(confusion.sum()))

    def _distributed_step(self, batch: Any) -> Any:
        losses = self.strategy.run(self._replica_step, args=batch)
        return self.strategy.experimental_local_results(losses)[0]  # already summed: the same on all replicas

    def _replica_step(self, images: Any, labels: Any) -> Any:
        replicas = tf.distribute.get_replica_context()
        sums = replicas.all_reduce(tf.distribute.ReduceOp.SUM, self._gradients(images, labels))
        loss_sum, weight_sum, gradients = sums[0], tf.maximum(sums[1], 1e-6), sums[2:]
        factor = self.pixels / weight_sum  # from d(sum / pixels) to d(mean over labelled pixels)
        if self.params.clip_norm:
            norm = tf.linalg.global_norm(gradients) * factor / self._loss_scale()
            factor *= tf.minimum(1.0, self.params.clip_norm / norm)
        # The optimizer sums over the replicas once more, hence the division.
        factor /= replicas.num_replicas_in_sync
        self.optimizer.apply([gradient * factor for gradient in gradients], self.model.trainable_variables)
        return loss_sum / weight_sum

    def _loss_and_gradients(self, images: Any, labels: Any) -> list[Any]:
        """[loss sum, weight sum, gradient of loss sum / pixels (times the loss scale) for each variable]."""
        with tf.GradientTape() as tape:
            logits = self._training_model(images, training=True)  # [B, S, S, N]
            loss_sum, weight_sum = pixel_cross_entropy(labels, logits, self.class_weights)
            scaled = loss_sum / self.pixels * self._loss_scale()
        return [loss_sum, weight_sum, *tape.gradient(scaled, self.model.trainable_variables)]

    def _loss_scale(self) -> Any:
        scaling = isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)
        return tf.convert_to_tensor(self.optimizer.dynamic_scale) if scaling else 1.0

    def _distributed_validation(self, batch: Any) -> tuple[Any, Any]:
        per_replica = self.strategy.run(self._replica_validation, args=batch)
        matrix, loss = (self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in per_replica)
        return matrix, loss

    def _replica_validation(self, images: Any, labels: Any) -> tuple[Any, Any]:
        logits = self.model(images, training=False)
        loss_sum, _ = pixel_cross_entropy(labels, logits, [1.0] * self.classes)
        predictions = tf.argmax(logits, axis=-1, output_type=tf.int32)
        index = tf.cast(labels, tf.int32) * self.classes + predictions
        cells = self.classes**2
        # Ignored pixels all fall into one cell too many, which is cut off.
        counts = tf.math.bincount(tf.minimum(index, cells), minlength=cells + 1, dtype=tf.int64)[:cells]
        return tf.reshape(counts, [self.classes, self.classes]), loss_sum


class BatchDropout(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A Dropout layer that draws for the global batch, from the same seed, and takes the rows of its replica.

    Replicas hold consecutive rows, in order. Keras's own layer draws for the rows that it sees, and so
    alike on every replica. This one is only a second way into the model: what is saved is Keras's.
    """

    def __init__(self, dropout: Any) -> None:
        super().__init__(name=f"{dropout.name}_of_batch", dtype=dropout.dtype_policy)
        self.rate, self.seed_generator = dropout.rate, dropout.seed_generator

    def call(self, inputs: Any) -> Any:
        """Kept values are divided by 1 - rate, as usual."""
        replica = tf.distribute.get_replica_context()
        rows = tf.shape(inputs)[0]
        ones = tf.ones([rows * replica.num_replicas_in_sync, *inputs.shape[1:]], inputs.dtype)
        mask = keras.random.dropout(ones, self.rate, seed=self.seed_generator)
        first = rows * replica.replica_id_in_sync_group
        return inputs * mask[first : first + rows]

    def compute_output_shape(self, shape: Any) -> Any:
        """The input's; given so that Keras need not call the layer, outside of any replica, to find out."""
        return shape


def _for_training(layer: Any) -> Any:
    return BatchDropout(layer) if isinstance(layer, keras.layers.Dropout) and layer.rate else layer


def check_finite(loss: float, step: int) -> None:
    """Raise InputError when training has diverged: from a NaN there is no way back."""
    if not math.isfinite(loss):
        raise InputError(
            "training has diverged",
            expected="a finite loss",
            got=f"{loss} by step {step}",
            file="params.yaml",
            next_step="lower train.learning_rate, lengthen train.warmup_steps, set train.clip_norm (1.0 is usual), "
            "or use float32 precision",
        )
