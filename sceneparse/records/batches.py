"""Batches from records: uint8 images [B, S, S, 3] and uint8 labels [B, S, S] (0..N-1, 255 = ignored).

S is the records' size, but in training the side of the window (train.augment.crop, first_crop).

The training stream is a function of the seed and the step alone: opened at any step, it continues
exactly as if it had been read from the start, so that a killed run can resume.
Each replica gets consecutive rows of every batch, and a worker decodes the rows of its own replicas
alone. The shuffle buffer bounds the memory, whatever the number of images.
"""

from functools import partial, reduce
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tensorflow as tf

from sceneparse.core.errors import InputError
from sceneparse.core.types import Tensor
from sceneparse.dataset.labels import IGNORE, to_labels
from sceneparse.records.augment import augment, window_sides
from sceneparse.records.manifest import Manifest
from sceneparse.records.tfrecord import parse_example, read_examples

if TYPE_CHECKING:  # a key added to section train reruns no stage that only reads records
    from sceneparse.params.train import Train

SHUFFLE_BUFFER = 2048  # serialized examples, about 50 MB; shards are shuffled too
ALL = tf.distribute.InputContext()  # one worker with one replica


def steps_per_epoch(manifest: Manifest, params: "Train") -> int:
    """Return the number of full batches in an epoch, of which each leaves out other images. Raises InputError at 0."""
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


def training_batches(
    records: Path, manifest: Manifest, params: "Train", start_step: int = 0, part: tf.distribute.InputContext = ALL
) -> Any:
    """Return a tf.data.Dataset of training batches, shuffled and augmented, from `start_step` to the last epoch's end.

    `part` says which worker reads, of how many: each batch comes as one smaller batch per replica of that worker.
    """
    rows = params.batch_size // part.num_input_pipelines  # of each batch, for this worker
    size = part.get_per_replica_batch_size(params.batch_size)
    shards = tf.constant([str(records / shard.file) for shard in manifest.training.shards])
    steps = steps_per_epoch(manifest, params)

    def epoch(number: Tensor) -> Any:
        # Drawn, not summed: else epoch 2 of one seed would have the order of epoch 1 of the next.
        seed = tf.random.stateless_uniform([], [params.seed, number], maxval=2**31 - 1, dtype=tf.int64)
        files = tf.data.Dataset.from_tensor_slices(shards).shuffle(len(shards), seed, reshuffle_each_iteration=False)
        examples = files.interleave(read_examples, cycle_length=4, num_parallel_calls=4, deterministic=True)
        examples = examples.shuffle(SHUFFLE_BUFFER, seed, reshuffle_each_iteration=False)
        return examples.take(steps * params.batch_size)

    def is_ours(index: Tensor, _: Tensor) -> Tensor:
        return index % params.batch_size // rows == part.input_pipeline_id

    def pair(side: int, index: Tensor, example: Tensor) -> tuple[Tensor, Tensor]:
        image, annotation = _pair(example, manifest.size)
        seed = tf.stack([tf.constant(params.seed, tf.int64), index])
        image, annotation = augment(image, annotation, seed, params.augment, side)
        return image, to_labels(annotation)

    def windows(side: int, first_epoch: int, end: int) -> Any:
        """Return the batches of windows of this side: of epochs first_epoch to end - 1, from `start_step` on."""
        first = max(first_epoch * steps, start_step)
        stream = tf.data.Dataset.range(first // steps, end).flat_map(epoch)
        stream = stream.skip(first % steps * params.batch_size).enumerate(first * params.batch_size)
        pairs = stream.filter(is_ours).map(partial(pair, side), num_parallel_calls=tf.data.AUTOTUNE)
        return pairs.batch(size, drop_remainder=True)

    sides = window_sides(params.augment, manifest.size, params.epochs)
    runs = [(side, list(epochs)) for side, epochs in groupby(range(params.epochs), sides.__getitem__)]
    unfinished = [(side, epochs) for side, epochs in runs if (epochs[-1] + 1) * steps >= start_step]
    streams = [windows(side, epochs[0], epochs[-1] + 1) for side, epochs in unfinished]
    return reduce(tf.data.Dataset.concatenate, streams).prefetch(tf.data.AUTOTUNE)


def validation_batches(
    records: Path, manifest: Manifest, batch_size: int, part: tf.distribute.InputContext = ALL
) -> Any:
    """Return a tf.data.Dataset of the validation split, once and in order; the last batch may be smaller.

    Several workers take turns, picture by picture. Several replicas get batches of one size, filled up
    with black pictures without labels (see `is_filling`): the network does not take an empty batch.
    """
    count, workers = len(manifest.validation.ids), part.num_input_pipelines
    filled = count if part.num_replicas_in_sync == 1 else -(-count // batch_size) * batch_size
    ours = len(range(part.input_pipeline_id, count, workers))
    side = manifest.size
    filling = tf.zeros([side, side, 3], tf.uint8), to_labels(tf.zeros([side, side], tf.uint8))
    examples = read_examples([records / shard.file for shard in manifest.validation.shards])
    pairs = examples.shard(workers, part.input_pipeline_id).map(partial(_labelled, manifest.size), tf.data.AUTOTUNE)
    pairs = pairs.concatenate(tf.data.Dataset.from_tensors(filling).repeat(filled // workers - ours))
    return pairs.batch(part.get_per_replica_batch_size(batch_size)).prefetch(2)


def is_filling(images: Tensor, labels: Tensor) -> Tensor:
    """Return which pictures only fill a batch of `validation_batches`: bool [B]."""
    return tf.reduce_all(images == 0, axis=[1, 2, 3]) & tf.reduce_all(labels == IGNORE, axis=[1, 2])


def stored_batches(
    records: Path,
    manifest: Manifest,
    batch_size: int,
    most: int,
    split: Literal["training", "validation"] = "training",
) -> Any:
    """Return a tf.data.Dataset of at most `most` pictures of a split, evenly spread, in order, not augmented."""
    pictures = manifest.training if split == "training" else manifest.validation
    examples = read_examples([records / shard.file for shard in pictures.shards])
    examples = examples.shard(-(-len(pictures.ids) // most), 0)
    return examples.map(partial(_labelled, manifest.size), tf.data.AUTOTUNE).batch(batch_size).prefetch(2)


def _labelled(size: int, example: Tensor) -> tuple[Tensor, Tensor]:
    image, annotation = _pair(example, size)
    return image, to_labels(annotation)


def _pair(example: Tensor, size: int) -> tuple[Tensor, Tensor]:
    fields = parse_example(example)
    return tf.ensure_shape(fields["image"], [size, size, 3]), tf.ensure_shape(fields["annotation"], [size, size])
