"""From records to batches: uint8 images [B, S, S, 3] and uint8 labels [B, S, S] (0..N-1, 255 = ignored).

The training stream is a function of the seed and the step alone: it can be opened at any step and
goes on exactly as if it had been read from the start, which is what makes a killed run resumable.
Memory is bounded by the shuffle buffer, whatever the number of images.
"""

from pathlib import Path
from typing import Any

import tensorflow as tf

from stages.data.augment import augment
from stages.data.labels import to_labels
from stages.data.manifest import Manifest
from stages.data.records import parse_example, read_examples
from stages.errors import InputError
from stages.params import Train

SHUFFLE_BUFFER = 2048  # serialized examples, about 50 MB; shards are shuffled too


def steps_per_epoch(manifest: Manifest, params: Train) -> int:
    """Full batches in an epoch; the rest sits out, another rest each time. Raises InputError when there is none."""
    count = len(manifest.training.ids)
    if count < params.batch_size:
        raise InputError(
            "a training batch is larger than the training split",
            expected=f"train.batch_size at most {count}",
            got=str(params.batch_size),
            file="params.yaml",
            next_step="lower train.batch_size",
        )
    return count // params.batch_size


def training_batches(records: Path, manifest: Manifest, params: Train, start_step: int = 0) -> Any:
    """tf.data.Dataset of training batches from `start_step` to the end of the last epoch, shuffled and augmented."""
    shards = tf.constant([str(records / shard.file) for shard in manifest.training.shards])
    steps = steps_per_epoch(manifest, params)
    start_epoch, steps_done = divmod(start_step, steps)

    def epoch(number: Any) -> Any:
        seed = number * 2**31 + params.seed
        files = tf.data.Dataset.from_tensor_slices(shards).shuffle(len(shards), seed, reshuffle_each_iteration=False)
        examples = files.interleave(read_examples, cycle_length=4, num_parallel_calls=4, deterministic=True)
        examples = examples.shuffle(SHUFFLE_BUFFER, seed, reshuffle_each_iteration=False)
        return examples.take(steps * params.batch_size)

    def pair(index: Any, example: Any) -> tuple[Any, Any]:
        fields = parse_example(example)
        size = manifest.size
        image = tf.ensure_shape(fields["image"], [size, size, 3])
        annotation = tf.ensure_shape(fields["annotation"], [size, size])
        seed = tf.stack([tf.constant(params.seed, tf.int64), index])
        image, annotation = augment(image, annotation, seed, params.augment)
        return image, to_labels(annotation)

    stream = tf.data.Dataset.range(start_epoch, params.epochs).flat_map(epoch)
    stream = stream.skip(steps_done * params.batch_size).enumerate(start_step * params.batch_size)
    batches = stream.map(pair, num_parallel_calls=tf.data.AUTOTUNE).batch(params.batch_size, drop_remainder=True)
    return batches.prefetch(tf.data.AUTOTUNE)


def validation_batches(records: Path, manifest: Manifest, batch_size: int) -> Any:
    """tf.data.Dataset over the validation split once, in order, the last batch as small as it comes."""

    def pair(example: Any) -> tuple[Any, Any]:
        fields = parse_example(example)
        return fields["image"], to_labels(fields["annotation"])

    examples = read_examples([records / shard.file for shard in manifest.validation.shards])
    return examples.map(pair, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size).prefetch(2)
