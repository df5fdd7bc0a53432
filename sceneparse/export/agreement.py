"""Whether an exported model says what the Keras model says, on real pictures, and how long each takes.

Input: pictures as RGB arrays; the Keras network; the exported file. Output: the share of pixels given the same class,
and the median time per picture of both. Neither side knows of the other: the exported one runs in a process of its own.
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
from sceneparse.dataset.photos import decode, decode_photo
from sceneparse.dataset.picture_formats import FORMATS, open_picture
from sceneparse.export import runtime
from sceneparse.network.card import Preprocessing

DATASET = Path("data/raw/dataset.zip")


class Checked(NamedTuple):
    """What came of a comparison. Times are medians over the pictures, one at a time, in seconds."""

    agreement: float
    seconds: float
    keras_seconds: float


def read_pictures(folder: Path | None, count: int) -> list[Pixels]:
    """The first `count` pictures of a folder by name, or of the dataset's validation split. Raises InputError."""
    source = folder or DATASET
    if folder is None and not DATASET.exists():
        raise _no_pictures(source, "a folder of pictures, or the dataset that the pipeline downloads", "neither")
    if folder is not None and not folder.is_dir():
        raise _no_pictures(source, "a folder of pictures", "no folder")
    found = list(itertools.islice(_validation() if folder is None else _photos(folder), count))
    if not found:
        raise _no_pictures(source, f"pictures, of {', '.join(FORMATS)}", "none")
    return found


def fitted(picture: Pixels, given: Preprocessing, size: tuple[int, int] | None) -> Pixels:
    """The picture at `size` (height, width), or with its short side as long as in training and its own shape.

    The latter needs padding, which is what the check is for.
    """
    height, width = picture.shape[:2]
    where = fit(width, height, given.size, "crop")
    new_height, new_width = size or (where.height, where.width)
    return np.asarray(resize_image(Image.fromarray(picture), new_width, new_height, given.interpolation))


def compare(network: Any, classes: int, format: str, exported: Path, pictures: list[Pixels]) -> Checked:
    """Run both on each picture, uint8 [H, W, 3]. Raises InputError when the exported model does not run at all."""
    expected, keras_seconds = _by_keras(network, classes, pictures)
    given, answers = (exported.with_name(f"{name}.npz") for name in ("pictures", "answers"))
    np.savez(given, *pictures)
    command = [sys.executable, "-I", runtime.__file__, format, str(exported), str(given), str(answers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise InputError(
            "the exported model does not run",
            expected=f"an answer from the runtime of {format}",
            got=done.stderr.strip()[-2000:] or f"exit status {done.returncode}",
            file=exported.name,
            next_step="install the versions in constraints.txt: pip install -c constraints.txt -e '.[export]'",
        )
    with np.load(answers) as found:
        # NumPy calls what it is given without names arr_0, arr_1, ...
        equal = sum(int((found[f"arr_{number}"] == values).sum()) for number, values in enumerate(expected))
        seconds = statistics.median(found["seconds"].tolist())
    return Checked(equal / sum(values.size for values in expected), seconds, keras_seconds)


def _by_keras(network: Any, classes: int, pictures: list[Pixels]) -> tuple[list[Pixels], float]:
    from sceneparse.inference.parser import Compiled
    from sceneparse.network.padding import compute_logits

    found, seconds, compiled = [], [], Compiled(network)
    for picture in pictures:
        compute_logits(compiled, picture[None])  # compiles, at a new size
        start = time.perf_counter()
        logits = compute_logits(compiled, picture[None])[0]
        best = np.argmax(logits, axis=-1)
        seconds.append(time.perf_counter() - start)
        found.append(outputs_to_annotation(best, classes, logits.shape[-1]).astype(np.uint8))
    return found, statistics.median(seconds)


def _photos(folder: Path) -> Iterator[Pixels]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            try:
                yield decode_photo(path.read_bytes())
            except (OSError, ValueError) as error:
                print_line(f"passed over: {path}: {error}", sys.stderr)


def _validation() -> Iterator[Pixels]:
    with Archive(DATASET) as archive:
        for pair in archive.pairs("validation"):
            annotated = open_picture(archive.read(pair.annotation)).size
            yield np.asarray(decode(archive.read(pair.image), annotated).image)


def _no_pictures(source: Path, expected: str, got: str) -> InputError:
    return InputError(
        "there is nothing to check the exported model with",
        expected=expected,
        got=got,
        file=source,
        next_step="name a folder of pictures like those the model is for: --pictures FOLDER, or dvc repro download",
    )
