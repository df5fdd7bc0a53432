"""The records' bytes: TensorFlow's own, and read back as they were."""

import io

import numpy as np
import pytest
import tensorflow as tf
from datasets import encoded
from PIL import Image

from sceneparse.dataset.images import encode_annotation
from sceneparse.records.tfrecord import encode_example, frame, parse_example, read_examples

HEIGHT, WIDTH = 48, 64
VALUES = np.array([0, 1, 2, 4, 8, 148, 150, 254], np.uint8)


def pair(seed=0):
    """A smooth picture and an annotation, as arrays."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (3, 4, 3), np.uint8))
    return np.asarray(coarse.resize((WIDTH, HEIGHT))), VALUES[generator.integers(0, len(VALUES), (HEIGHT, WIDTH))]


def example(seed=0, id="ADE_train_00000001", height=512, width=683):
    image, annotation = pair(seed)
    content = encoded(Image.fromarray(image), "JPEG", quality=95)
    return encode_example(id, content, encode_annotation(Image.fromarray(annotation)), height, width)


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard.tfrecord"
    path.write_bytes(b"".join(frame(example(seed, f"id {seed}", 500 + seed, 600 + seed)) for seed in range(3)))
    return path


# Lengths below and above what one, two and three bytes of the wire format's numbers can say.
@pytest.mark.parametrize("length", [0, 1, 100, 127, 128, 16_383, 16_384, 2_100_000])
@pytest.mark.parametrize(("id", "height", "width"), [("ADE_val_1", 1, 127), ("Bäume", 128, 300), ("", 16_384, 2**31)])
def test_an_example_is_tensorflow_s(id, length, height, width):
    image, annotation = bytes(range(256)) * (length // 256) + bytes(length % 256), b"\0" * (length // 3)

    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    values = {"id": id.encode(), "image": image, "annotation": annotation, "height": height, "width": width}
    features = tf.train.Features(feature={name: feature(value) for name, value in values.items()})
    expected = tf.train.Example(features=features).SerializeToString(deterministic=True)
    assert encode_example(id, image, annotation, height, width) == expected


def test_a_file_is_tensorflow_s(tmp_path):
    examples = [b"", b"x", example(), bytes(100_000)]
    with tf.io.TFRecordWriter(str(tmp_path / "expected")) as writer:
        for content in examples:
            writer.write(content)
    assert b"".join(map(frame, examples)) == (tmp_path / "expected").read_bytes()


def check(fields, seed):
    image, annotation = pair(seed)
    assert fields["id"] == f"id {seed}".encode()
    assert (fields["height"], fields["width"]) == (500 + seed, 600 + seed)
    assert fields["image"].dtype == fields["annotation"].dtype == np.uint8
    assert fields["image"].shape == image.shape
    assert np.abs(np.asarray(fields["image"], int) - image).mean() < 3  # what JPEG loses
    assert np.array_equal(fields["annotation"], annotation)


def test_read_back_inside_tf_data(shard):
    parsed = list(read_examples([str(shard)]).map(parse_example).as_numpy_iterator())
    assert len(parsed) == 3
    for seed, fields in enumerate(parsed):
        check(fields, seed)


def test_shards_by_name_in_a_tensor_are_read_in_order(shard):
    once = list(read_examples([shard]).as_numpy_iterator())
    assert list(read_examples(tf.constant([str(shard)] * 2)).as_numpy_iterator()) == once * 2
    assert list(read_examples(tf.constant(str(shard))).as_numpy_iterator()) == once


def test_images_decode_as_pillow_decodes_them():
    """Predictions on records and on pictures from the archive see the same pixels."""
    content = encoded(Image.fromarray(pair()[0]), "JPEG", quality=95)
    fields = parse_example(encode_example("id", content, encode_annotation(Image.new("L", (1, 1))), 1, 1))
    with Image.open(io.BytesIO(content)) as opened:
        difference = np.abs(np.asarray(fields["image"], int) - np.asarray(opened, int))
    assert difference.max() <= 1


@pytest.mark.parametrize("place", [3, 9, 40, -5])  # length, its checksum, content, the content's checksum
def test_a_flipped_byte_is_an_error(shard, place):
    content = bytearray(shard.read_bytes())
    content[place] ^= 0x10
    shard.write_bytes(content)
    with pytest.raises(tf.errors.DataLossError):
        list(read_examples([shard]))
