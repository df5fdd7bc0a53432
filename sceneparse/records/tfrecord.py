"""TFRecord schema, written and read: Example{id, image, annotation, height, width}.

    id          bytes   the pair's id in the archive
    image       bytes   JPEG, RGB, size x size
    annotation  bytes   PNG, 8-bit L, size x size: 0 = other or padding, 1..N = classes
    height      int64   of the original picture, pixels
    width       int64

The bytes are written by hand, after the two published formats (TFRecord framing with masked CRC-32C;
protocol buffers' wire format for tf.train.Example), so that the worker processes of `prepare`
need no TensorFlow. A test compares them with TensorFlow's own.
"""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import google_crc32c

from sceneparse.core.types import Tensor


def encode_example(id: str, image: bytes, annotation: bytes, height: int, width: int) -> bytes:
    """Return a serialized tf.train.Example, features in order of their names."""
    features = {
        "annotation": _bytes_feature(annotation),
        "height": _int64_feature(height),
        "id": _bytes_feature(id.encode()),
        "image": _bytes_feature(image),
        "width": _int64_feature(width),
    }
    entries = (_field(1, _field(1, name.encode()) + _field(2, feature)) for name, feature in features.items())
    return _field(1, b"".join(entries))


def frame(example: bytes) -> bytes:
    """Return a TFRecord: length, masked CRC of the length, the bytes, masked CRC of the bytes."""
    length = struct.pack("<Q", len(example))
    return length + _masked_crc(length) + example + _masked_crc(example)


def read_examples(shards: Sequence[str | Path] | Tensor) -> Any:
    """Return a tf.data.Dataset of serialized examples from shard paths (a sequence, or a string tensor)."""
    import tensorflow as tf

    return tf.data.TFRecordDataset(
        tf.cast(list(map(str, shards)), tf.string) if isinstance(shards, Sequence) else shards
    )


def parse_example(example: Tensor) -> dict[str, Tensor]:
    """Decode a serialized example, in a tf.data graph or eagerly.

    Returns id (string scalar), image (uint8 [H, W, 3]), annotation (uint8 [H, W]), and
    height and width (int64 scalars, of the original picture).
    """
    import tensorflow as tf

    names = {"id": tf.string, "image": tf.string, "annotation": tf.string, "height": tf.int64, "width": tf.int64}
    fields: dict[str, Tensor] = tf.io.parse_single_example(
        example, {name: tf.io.FixedLenFeature([], kind) for name, kind in names.items()}
    )
    # Pillow uses the accurate DCT too, so predictions on records and on pictures agree.
    fields["image"] = tf.io.decode_jpeg(fields["image"], channels=3, dct_method="INTEGER_ACCURATE")
    # channels=1 is right only because prepare has refused palette files, whose indices it would change.
    fields["annotation"] = tf.io.decode_png(fields["annotation"], channels=1)[:, :, 0]
    return fields


def _masked_crc(content: bytes) -> bytes:
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content  # wire type 2: length-delimited


def _bytes_feature(value: bytes) -> bytes:
    return _field(1, _field(1, value))  # Feature.bytes_list = 1, BytesList.value = 1


def _int64_feature(value: int) -> bytes:
    return _field(3, _field(1, _varint(value)))  # Feature.int64_list = 3, packed
