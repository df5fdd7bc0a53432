"""Work of prepare's workers: pairs of an archive -> framed records, pixel counts and problems.

A worker may be a process on another machine that started weeks ago. So each task carries the signature of its caller's
dataset, code and libraries, and a worker with another signature refuses it.
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

from sceneparse.core.errors import InputError
from sceneparse.core.stage_deps import code_digest
from sceneparse.dataset.archive import Archive, Pair
from sceneparse.dataset.images import encode_annotation, fit, fit_pair
from sceneparse.dataset.pairs import DAMAGE, check_pair
from sceneparse.dataset.photos import decode_resized
from sceneparse.dataset.picture_formats import FORMATS
from sceneparse.params.prepare import Prepare
from sceneparse.records.tfrecord import encode_example, frame

TAIL = 2**23  # bytes: the end of a zip holds the CRC-32 of every member, within 8 MB for up to some 60,000 members
OTHER = "another dataset, code or library versions"


@dataclass(frozen=True)
class Work:
    """Some pairs of an archive: an absolute path, and the caller's signature of it."""

    dataset: Path
    signature: str
    pairs: tuple[Pair, ...]
    params: Prepare


@dataclass(frozen=True)
class Encoded:
    """Result of a Work."""

    records: list[bytes]  # framed
    label_pixels: npt.NDArray[np.int64]  # [256], per annotation value
    problems: list[str]  # of faulty pairs, which have no record
    lost: Counter[str]  # number of pictures that lost information, by kind of LOST (photos.py)


def encode_pairs(work: Work) -> Encoded:
    """Read, check, resize and encode the pairs. Raises InputError if this worker would make other records."""
    archive = _open_archive(work.dataset, work.signature)
    encoded = Encoded([], np.zeros(256, np.int64), [], Counter())
    for pair in work.pairs:
        try:
            record, histogram, lost = encode_pair(archive, pair, work.params)
        except DAMAGE as error:
            encoded.problems.append(f"{pair.id}: {error}")
        else:
            encoded.records.append(record)
            encoded.label_pixels[:] += histogram
            encoded.lost.update(lost)
    return encoded


def encode_pair(archive: Archive, pair: Pair, params: Prepare) -> tuple[bytes, list[int], tuple[str, ...]]:
    """Return a pair's framed record, its annotation's histogram (256 counts) and its picture's kinds of LOST.

    Raises ValueError with the pair's problems.
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
    """Return a digest of everything but the params that the records depend on. Raises OSError."""
    digest = hashlib.sha256(_software())
    with dataset.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        digest.update(b"%d" % size + file.read())
    return digest.hexdigest()


def unfit(dataset: Path, got: str) -> InputError:
    """Return the error for workers whose signature of the dataset is not the caller's."""
    return InputError(
        "not every worker would make the same records",
        expected="this project's code, its library versions and this dataset, at the same path, on every worker",
        got=got,
        file=dataset,
        next_step="install the same commit and constraints.txt there, share the file system, and restart the workers",
    )


@cache  # once: a long-lived worker keeps the code that it has loaded, whatever happens to the files
def _software() -> bytes:
    """Return the code's digest and the libraries' results on a test picture: one process can hold several zlibs."""
    noise = (np.arange(16 * 16 * 3, dtype=np.uint32) * 2654435761 >> 20).astype(np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(noise.reshape(16, 16, 3).repeat(4, 0).repeat(4, 1)).save(jpeg, "JPEG", quality=95)
    resized = decode_resized(jpeg.getvalue(), 48, 48, "bilinear").image
    pictures = (jpeg.getvalue(), resized.tobytes(), encode_annotation(resized.getchannel(0)))
    return b"".join((code_digest("prepare"), repr(FORMATS).encode(), *pictures))


@lru_cache(maxsize=1)  # once per process: opening ADE20K's zip takes longer than a chunk of pairs
def _open_archive(dataset: Path, wanted: str) -> Archive:
    here = f"(process {os.getpid()} on {socket.gethostname()})"
    try:
        mine = signature(dataset)
    except OSError as error:
        raise unfit(dataset, f"{error} {here}") from None
    if mine != wanted:
        raise unfit(dataset, f"{OTHER} {here}")
    return Archive(dataset)
