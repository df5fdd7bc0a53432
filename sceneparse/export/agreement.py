"""Compare an exported model with its Keras model on real pictures, and time both.

Input: pictures as RGB arrays; the Keras network; the exported file. Output: the share of pixels with the same class,
and the median time per picture of both. Neither knows the other: the exported model runs in a process of its own.
"""

import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from sceneparse.core.errors import InputError
from sceneparse.core.tables import print_line
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.images import Pixels, fit, resize_image
from sceneparse.dataset.labels import outputs_to_annotation
from sceneparse.dataset.pairs import open_pair
from sceneparse.dataset.photos import decode_photo
from sceneparse.dataset.picture_formats import FORMATS, TooLargeError, read_picture
from sceneparse.export import runtime
from sceneparse.network.card import Preprocessing

DATASET = Path("data/raw/dataset.zip")
Network = Any  # keras.Model, which has no types


class Comparison(NamedTuple):
    """Share of pixels with the same class, and seconds per picture, the median over pictures one at a time."""

    agreement: float
    seconds: float
    keras_seconds: float


def read_pictures(folder: Path | None, count: int) -> list[Pixels]:
    """Return the first `count` pictures of a folder, or of the dataset's validation split. Raises InputError."""
    source = folder or DATASET
    if folder is None and not DATASET.exists():
        raise _no_pictures(source, "a folder of pictures, or the dataset that the pipeline downloads", "neither")
    if folder is not None and not folder.is_dir():
        raise _no_pictures(source, "a folder of pictures", "no folder")
    pictures = list(itertools.islice(_validation() if folder is None else _photos(folder), count))
    if not pictures:
        raise _no_pictures(source, f"pictures, of {', '.join(FORMATS)}", "none")
    return pictures


def fitted(picture: Pixels, preprocessing: Preprocessing, size: tuple[int, int] | None) -> Pixels:
    """Return the picture at `size` (height, width), or with its short side as in training and its own shape.

    Its own shape needs padding, which the comparison tests. A thin picture has its long side as in training.
    """
    height, width = picture.shape[:2]
    try:
        box = fit(width, height, preprocessing.size, "crop")
    except TooLargeError:
        box = fit(width, height, preprocessing.size, "letterbox")
    new_height, new_width = size or (box.height, box.width)
    return np.asarray(resize_image(Image.fromarray(picture), new_width, new_height, preprocessing.interpolation))


def compare(network: Network, classes: int, format: str, exported: Path, pictures: list[Pixels]) -> Comparison:
    """Run both on each picture, uint8 [H, W, 3]. Raises InputError if the exported model does not run at all."""
    expected, keras_seconds = _by_keras(network, classes, pictures)
    inputs, outputs = (exported.with_name(f"{name}.npz") for name in ("pictures", "annotations"))
    np.savez(inputs, *pictures)
    command = [sys.executable, "-I", runtime.__file__, format, str(exported), str(inputs), str(outputs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(
            "the exported model does not run",
            expected=f"a result from the runtime of {format}",
            got=done.stderr.strip()[-2000:] or f"exit status {done.returncode}",
            file=exported.name,
            next_step="install the versions in constraints.txt: pip install -c constraints.txt -e '.[export]'",
        )
    with np.load(outputs) as results:
        # NumPy names arrays arr_0, arr_1, ...
        equal = sum(int((results[f"arr_{number}"] == values).sum()) for number, values in enumerate(expected))
        seconds = statistics.median(results["seconds"].tolist())
    return Comparison(equal / sum(values.size for values in expected), seconds, keras_seconds)


def _by_keras(network: Network, classes: int, pictures: list[Pixels]) -> tuple[list[Pixels], float]:
    from sceneparse.inference.parser import Compiled
    from sceneparse.network.padding import compute_logits

    annotations, seconds, compiled = [], [], Compiled(network)
    for picture in pictures:
        compute_logits(compiled, picture[None])  # compiles, at a new size
        start = time.perf_counter()
        logits = compute_logits(compiled, picture[None])[0]
        best = np.argmax(logits, axis=-1)
        seconds.append(time.perf_counter() - start)
        annotations.append(outputs_to_annotation(best, classes, logits.shape[-1]).astype(np.uint8))
    return annotations, statistics.median(seconds)


def _photos(folder: Path) -> Iterator[Pixels]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            try:
                yield decode_photo(read_picture(path))
            except (OSError, ValueError) as error:
                print_line(f"ignored: {path}: {error}", sys.stderr)


def _validation() -> Iterator[Pixels]:
    with Archive(DATASET) as archive:
        for pair in archive.pairs("validation"):
            yield np.asarray(open_pair(archive, pair)[0])


def _no_pictures(source: Path, expected: str, got: str) -> InputError:
    return InputError(
        "there is nothing to check the exported model with",
        expected=expected,
        got=got,
        file=source,
        next_step="name a folder of pictures like those to label: --pictures FOLDER, or dvc repro download",
    )
