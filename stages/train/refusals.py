"""Checks that training makes before or while it runs; their errors name the params to change."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from sceneparse.core.errors import InputError, few
from sceneparse.params.model import Model
from sceneparse.params.train import Train


def check_divides(params: Train, replicas: int) -> None:
    """Raise InputError if a batch cannot be divided evenly among `replicas` and their micro-batches."""
    parts = replicas * params.micro_batches
    if params.batch_size % parts:
        raise InputError(
            "a training batch cannot be divided evenly",
            expected=f"a multiple of {parts}: {replicas} devices of all workers x {params.micro_batches} micro-batches",
            got=f"train.batch_size {params.batch_size}",
            file="params.yaml",
            next_step="change train.batch_size, which counts the images of an update, or train.micro_batches",
        )


def check_compiles(model: Model, params: Train, replicas: int) -> None:
    """Raise InputError for params that XLA cannot compile without a GPU."""
    if not params.xla or tf.config.list_logical_devices("GPU"):
        return
    if replicas > 1 and model.normalization == "batch":
        raise InputError(
            "XLA cannot compile batch normalization across several devices for the CPU",
            expected="a GPU, one device, no normalization, or no XLA",
            got=f"model.normalization batch and train.xla true on {replicas} devices without a GPU",
            file="params.yaml",
            next_step="set train.xla to false or model.normalization to none",
        )
    if params.precision != "float32":
        raise InputError(
            "XLA cannot compile mixed precision for the CPU",
            expected="a GPU, or float32, or no XLA",
            got=f"train.precision {params.precision} and train.xla true on a machine without a GPU",
            file="params.yaml",
            next_step="set train.precision to float32 or train.xla to false",
        )


def check_labelled(pixels: Sequence[int], records: Path) -> None:
    """Raise InputError if no pixel of the training split is labelled; `pixels` counts those of each output."""
    if not any(pixels):
        raise InputError(
            "there is nothing to learn",
            expected="labelled pixels in the training split",
            got="annotations of 0 alone, which is 'other'",
            file=records,
            next_step="fix the dataset (sceneparse check), or set model.other to class",
        )


def check_finite(numbers: Mapping[str, float], step: int) -> None:
    """Raise InputError when training has diverged: it cannot recover from a NaN. `numbers`: of `step`, by name."""
    broken = [f"{name} {number}" for name, number in numbers.items() if not math.isfinite(number)]
    if broken:
        raise InputError(
            "training has diverged",
            expected="finite losses and gradients",
            got=f"by step {step}: {', '.join(few(broken))}",
            file="params.yaml",
            next_step="lower train.learning_rate, lengthen train.warmup_steps, set train.clip_norm (1.0 is usual), "
            "or use float32 precision",
        )
