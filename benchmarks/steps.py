"""Training steps by TensorFlow and by JAX, on one batch of random pictures that stays on the device.

Input: params and a batch. Output: updates of a network of its own. Invariant: from the same weights, without dropout,
both make the same update. TensorFlow's is the project's own step; JAX's is assembled here from the same network,
loss and optimizer, which need no TensorFlow with KERAS_BACKEND=jax.
"""

from typing import Any

import numpy as np

from sceneparse.core.errors import InputError
from sceneparse.dataset.labels import count_outputs
from sceneparse.params.whole import Params

SCHEDULE = 50_000  # steps of the learning rate's schedule


class TensorFlowStep:
    """Training step of the project, on one batch that stays on the device: uint8 [B, S, S, 3] and [B, S, S]."""

    def __init__(self, params: Params, classes: int, images: Any, labels: Any, initialize: Any = None) -> None:
        import tensorflow as tf

        from stages.train.training import Trainer

        weights = [1.0] * count_outputs(classes, params.model.ignores_other)
        self._trainer = Trainer(params.model, params.train, weights, images.shape[1], SCHEDULE, initialize)
        self.model = self._trainer.model
        self._batch = tf.constant(images), tf.constant(labels)

    def __call__(self) -> Any:
        """Update once, without waiting for the device; return the loss before it."""
        return self._trainer.step(self._batch).loss

    def wait(self) -> None:
        """Wait until all updates are done."""
        import tensorflow as tf

        tf.test.experimental.sync_devices()

    def weights(self) -> list[np.ndarray]:
        """Return the trained variables."""
        return [np.array(variable) for variable in self.model.trainable_variables]

    @staticmethod
    def gpu() -> str | None:
        """Return the name of the GPU in use, or None."""
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return str(tf.config.experimental.get_device_details(gpus[0])["device_name"]) if gpus else None

    @staticmethod
    def gpu_bytes() -> int:
        """Return the peak of the memory allocated on the GPU."""
        import tensorflow as tf

        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


class JaxStep:
    """Training step of the same arithmetic by JAX, on one device. Raises InputError for params that need more."""

    def __init__(self, params: Params, classes: int, images: Any, labels: Any, initialize: Any = None) -> None:
        import jax
        import jax.numpy as jnp
        import keras

        from sceneparse.network.fcn8s import build_fcn8s
        from stages.train.losses import pixel_cross_entropy
        from stages.train.optimizer import PolySchedule, build_optimizer

        train = params.train
        _check_jax(params)
        keras.config.set_dtype_policy(train.precision)
        self.model = build_fcn8s(classes, params.model, train.seed)
        if initialize:
            initialize(self.model)
        variables = self.model.trainable_variables
        backbone = [variable for variable in variables if variable.path.startswith("conv")]
        schedule = PolySchedule(train.learning_rate, train.poly_power, train.warmup_steps, SCHEDULE)
        optimizer = build_optimizer(train, schedule, variables, backbone)
        class_weights = [1.0] * count_outputs(classes, params.model.ignores_other)

        def mean_loss(trainable: Any, others: Any, images: Any, labels: Any) -> tuple[Any, Any]:
            logits, others = self.model.stateless_call(trainable, others, images, training=True)
            loss_sum, weight_sum = pixel_cross_entropy(labels, logits, class_weights)
            return loss_sum / jnp.maximum(weight_sum, 1e-6), others

        def step(state: Any, images: Any, labels: Any) -> tuple[Any, Any]:
            trainable, others, slots = state
            differentiate = jax.value_and_grad(mean_loss, has_aux=True)
            (loss, others), gradients = differentiate(trainable, others, images, labels)
            if train.clip_norm:
                norm = jnp.sqrt(sum(jnp.sum(gradient**2) for gradient in gradients))
                gradients = [gradient * jnp.minimum(1.0, train.clip_norm / norm) for gradient in gradients]
            trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
            return (trainable, others, slots), loss

        self._step = jax.jit(step, donate_argnums=0)
        groups = (variables, self.model.non_trainable_variables, optimizer.variables)
        self._state = tuple([variable.value for variable in group] for group in groups)
        self._batch = jax.device_put((images, labels))

    def __call__(self) -> Any:
        """Update once, without waiting for the device; return the loss before it."""
        self._state, loss = self._step(self._state, *self._batch)
        return loss

    def wait(self) -> None:
        """Wait until all updates are done."""
        import jax

        jax.block_until_ready(self._state)

    def weights(self) -> list[np.ndarray]:
        """Return the trained variables."""
        return [np.array(value) for value in self._state[0]]

    @staticmethod
    def gpu() -> str | None:
        """Return the name of the GPU in use, or None."""
        import jax

        device = jax.devices()[0]
        return None if device.platform == "cpu" else str(device.device_kind)

    @staticmethod
    def gpu_bytes() -> int:
        """Return the peak of the memory allocated on the GPU."""
        import jax

        return int(jax.devices()[0].memory_stats()["peak_bytes_in_use"])


STEPS: dict[str, Any] = {"tensorflow": TensorFlowStep, "jax": JaxStep}  # by the name of the Keras backend


def _check_jax(params: Params) -> None:
    train = params.train
    switches = {
        "train.precision": train.precision == "mixed_float16" and train.precision,
        "train.micro_batches": train.micro_batches > 1 and train.micro_batches,
        "train.ema": train.ema,
        "train.deterministic": train.deterministic,
        "model.normalization": params.model.normalization == "batch" and "batch",  # Keras has no synchronized one here
    }
    names = [f"{name} {value}" for name, value in switches.items() if value]
    if names:
        raise InputError(
            f"JAX's step does not do {', '.join(names)}",
            expected="float32 or mixed_bfloat16, one micro-batch, neither ema nor normalization nor deterministic",
            got=", ".join(names),
            file="the preset",
            next_step="change the preset, or measure with TensorFlow",
        )


def draw_batch(params: Params, classes: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw random pictures and labels, uint8 [B, S, S, 3] and [B, S, S]."""
    generator, shape = np.random.default_rng(0), (params.train.batch_size, size, size)
    images = generator.integers(0, 256, (*shape, 3), np.uint8)
    return images, generator.integers(0, count_outputs(classes, params.model.ignores_other), shape, np.uint8)
