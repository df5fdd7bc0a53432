"""What a worker of prepare does: pairs of an archive -> framed records, their pixel counts, what is wrong with them.

A worker may be a process on another machine that has lived for weeks. So every task names the signature
of its caller's dataset, code and libraries, and one that would make other bytes of it raises Unfit.
"""

import hashlib
import io
import os
import socket
from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from sceneparse.dataset.archive import Archive, Pair
from sceneparse.dataset.images import encode_annotation, fit, fit_pair
from sceneparse.dataset.pairs import DAMAGE, check_pair
from sceneparse.dataset.photos import decode_resized
from sceneparse.dataset.picture_formats import FORMATS
from sceneparse.params.prepare import Prepare
from sceneparse.records.tfrecord import encode_example, frame
from stages.code import code_digest

TAIL = 2**23  # bytes at a zip's end: its table of contents, with every member's CRC-32, up to some 60,000 members


class Unfit(Exception):  # noqa: N818  # a state of the worker, not of its input
    """This worker would not make the records that its caller wants."""


@dataclass(frozen=True)
class Work:
    """Some pairs of an archive. `dataset` is absolute, and the signature is the caller's for it."""

    dataset: Path
    signature: str
    pairs: tuple[Pair, ...]
    params: Prepare


@dataclass(frozen=True)
class Encoded:
    """What becomes of it: framed records, pixels per annotation value, what was wrong, and what pictures lost."""

    records: list[bytes]
    label_pixels: npt.NDArray[np.int64]
    problems: list[str]
    lost: Counter[str]  # pictures by kind of LOST (photos.py)


def encode_pairs(work: Work) -> Encoded:
    """Read, check, resize and encode the pairs. Raises Unfit."""
    opened = _open_archive(work.dataset, work.signature)
    encoded = Encoded([], np.zeros(256, np.int64), [], Counter())
    for pair in work.pairs:
        try:
            record, histogram, lost = encode_pair(opened, pair, work.params)
        except DAMAGE as error:
            encoded.problems.append(f"{pair.id}: {error}")
        else:
            encoded.records.append(record)
            encoded.label_pixels[:] += histogram
            encoded.lost.update(lost)
    return encoded


def encode_pair(archive: Archive, pair: Pair, params: Prepare) -> tuple[bytes, list[int], tuple[str, ...]]:
    """One framed record, its annotation's histogram (256 counts) and what its picture lost (kinds of LOST).

    Raises ValueError saying what is wrong.
    """
    size = params.size
    content, annotation = check_pair(archive, pair, len(archive.classes)).usable()
    where = fit(*annotation.size, size, params.mode)
    decoded = decode_resized(content, where.width, where.height, params.interpolation, annotation.size)
    image, resized = fit_pair(decoded.image, annotation, where, size, params.interpolation)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=params.jpeg_quality)
    width, height = annotation.size
    example = encode_example(pair.id, jpeg.getvalue(), encode_annotation(resized), height, width)
    return frame(example), resized.histogram(), decoded.lost


def signature(dataset: Path) -> str:
    """Stands for all that decides what becomes of the dataset's pairs here, besides the params. Raises OSError."""
    digest = hashlib.sha256(_software())
    with dataset.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        digest.update(b"%d" % size + file.read())
    return digest.hexdigest()


@cache  # as it was at first: a worker that lives on after an update goes on with the code that it has loaded
def _software() -> bytes:
    """Our code, and what the libraries make of a drawn picture: zlib has more than one version in a process."""
    noise = (np.arange(16 * 16 * 3, dtype=np.uint32) * 2654435761 >> 20).astype(np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(noise.reshape(16, 16, 3).repeat(4, 0).repeat(4, 1)).save(jpeg, "JPEG", quality=95)
    resized = decode_resized(jpeg.getvalue(), 48, 48, "bilinear").image
    made = (jpeg.getvalue(), resized.tobytes(), encode_annotation(resized.getchannel(0)))
    return b"".join((code_digest("prepare"), repr(FORMATS).encode(), *made))


@lru_cache(maxsize=1)  # once per process: reading ADE20K's central directory takes longer than a chunk
def _open_archive(dataset: Path, wanted: str) -> Archive:
    try:
        mine = signature(dataset)
    except OSError as error:
        raise Unfit(f"{error}{_here()}") from None
    if mine != wanted:
        raise Unfit(f"another dataset, code or library versions{_here()}")
    return Archive(dataset)


def _here() -> str:
    return f" (process {os.getpid()} on {socket.gethostname()})"
