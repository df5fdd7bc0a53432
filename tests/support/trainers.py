"""Small trainers, and pictures that they learn in seconds."""

import numpy as np
import tensorflow as tf
from network_params import model_params

from stages.train.training import Trainer

CLASSES = 3
PLAIN = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "learning_rate": 0.1, "poly_power": 0.0}


def make_trainer(params, *, width=1 / 32, weights=None, steps=1000, model=None, **train):
    train = {"warmup_steps": 0, "batch_size": 4, **train}
    network = model_params(**{"width": width, "dropout": 0.0, **(model or {})})
    outputs = CLASSES if network.ignores_other else CLASSES + 1
    return Trainer(network, params.train.model_copy(update=train), weights or [1.0] * outputs, 32, steps)


def scenes(count=4, size=32, seed=0):
    """Pictures whose colour tells the class, a few pixels ignored."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, CLASSES, (count, 2, 2))
    labels = coarse.repeat(size // 2, 1).repeat(size // 2, 2).astype(np.uint8)
    colours = np.array([[220, 40, 40], [40, 220, 40], [40, 40, 220]])
    images = (colours[labels] + generator.integers(-30, 30, (count, size, size, 3))).clip(0, 255).astype(np.uint8)
    labels[:, :2, :2] = 255
    return tf.constant(images), tf.constant(labels)


def warmed(params, *, model=None, **train):
    """A trainer whose layers all have a gradient: score layers begin at zero, and nothing flows through those."""
    trainer = make_trainer(params, model=model, **{**PLAIN, "clip_norm": 0.0, **train})
    generator = np.random.default_rng(5)
    for layer in trainer.model.layers:
        if layer.name.startswith("score"):
            layer.kernel.assign(generator.normal(0, 0.5, layer.kernel.shape))
    return trainer


def weights(trainer):
    """The trained weights by their paths."""
    return {variable.path: np.asarray(variable) for variable in trainer.model.trainable_variables}
