"""CPU time of training's input: records read, decoded, augmented and batched, without a network.

It is timed against the pipeline that one would write with tf.image for the same changes (random scale, window, flip,
brightness, contrast and saturation), on the same records, in turns, in one run. CPU times hardly suffer from other
work on the machine; pictures per second are by the clock, on all cores.

    python -m benchmarks.input_pipeline --images 600 --rounds 5
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.prepare import DISTINCT, draw_pair, write_archive
from sceneparse.core.parallel import usable_cpus
from sceneparse.core.types import Tensor
from sceneparse.dataset.labels import to_labels
from sceneparse.params.presets import preset_params
from sceneparse.params.whole import Params
from sceneparse.records.batches import training_batches
from sceneparse.records.manifest import Manifest, open_records
from sceneparse.records.tfrecord import parse_example, read_examples
from stages.prepare.stage import prepare

BATCH = 16
IMAGES = 320  # in the records: a tenth of them for validation


def plain_batches(records: Path, manifest: Manifest, params: Params) -> Any:
    """Return a tf.data.Dataset of batches by the functions of tf.image."""
    augment, size = params.train.augment, manifest.size

    def pair(example: Tensor) -> tuple[Tensor, Tensor]:
        fields = parse_example(example)
        scale = tf.exp(tf.random.uniform([], np.log(augment.scale_min), np.log(augment.scale_max)))
        side = tf.cast(size * scale, tf.int32)
        image = tf.image.resize(fields["image"], [side, side])
        annotation = tf.image.resize(fields["annotation"][..., tf.newaxis], [side, side], "nearest")
        both = tf.concat([image, tf.cast(annotation, tf.float32)], axis=-1)
        lack = tf.maximum(0, size - side)
        both = tf.image.random_crop(tf.pad(both, [[lack // 2, lack - lack // 2]] * 2 + [[0, 0]]), [size, size, 4])
        both = tf.image.random_flip_left_right(both)
        image = tf.image.random_brightness(both[..., :3], 255 * augment.brightness)
        image = tf.image.random_contrast(image, 1 - augment.contrast, 1 + augment.contrast)
        image = tf.image.random_saturation(image, 1 - augment.saturation, 1 + augment.saturation)
        return tf.saturate_cast(image, tf.uint8), to_labels(tf.cast(both[..., 3], tf.uint8))

    examples = read_examples([records / shard.file for shard in manifest.training.shards])
    pairs = examples.repeat().shuffle(2048).map(pair, num_parallel_calls=tf.data.AUTOTUNE)
    return pairs.batch(BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def measured(batches: Any, images: int) -> tuple[float, float]:
    """Return milliseconds of CPU for a picture, and pictures per second."""
    stream = iter(batches)
    next(stream)  # the graph is built, and the shuffle buffer full
    clock, spent = time.perf_counter(), time.process_time()
    for _ in range(images // BATCH):
        next(stream)
    seen = images // BATCH * BATCH
    return 1e3 * (time.process_time() - spent) / seen, seen / (time.perf_counter() - clock)


@contextmanager
def drawn_records(params: Params) -> Iterator[tuple[Path, Manifest]]:
    """Write records of drawn pairs by the prepare stage; they are gone after the block."""
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        dataset, records = Path(folder) / "dataset.zip", Path(folder) / "records"
        write_archive(dataset, IMAGES, [draw_pair(generator, 70) for _ in range(DISTINCT)])
        prepare(params, dataset, records)
        yield records, open_records(records)


def main() -> None:
    """Parse flags, write records, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=600, help="pictures of a round (default: 600)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: 5)")
    arguments = parser.parse_args()
    params = preset_params("ade20k")
    train = params.train.model_copy(update={"batch_size": BATCH, "epochs": 1000})
    with drawn_records(params) as (records, manifest):
        ways: dict[str, Callable[[], Any]] = {
            "ours": lambda: training_batches(records, manifest, train),
            "plain": lambda: plain_batches(records, manifest, params),
        }
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(arguments.rounds):
            for name, way in ways.items():
                rows[name].append(measured(way(), arguments.images))
    print(f"{usable_cpus()} cores, {params.prepare.size} x {params.prepare.size}, batches of {BATCH}")
    for name, row in rows.items():
        cpu, speed = (statistics.median(column) for column in zip(*row, strict=True))
        print(f"{name:6} {cpu:6.2f} ms of CPU for a picture {speed:8.0f} pictures/s")
    ratios = [ours[0] / plain[0] for ours, plain in zip(*rows.values(), strict=True)]
    print(f"CPU, ours / plain: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
