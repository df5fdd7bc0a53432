"""Scores for the predictions of any system: two folders of PNGs.

Input: a folder of annotations and one of predictions, searched recursively (through links, without hidden
files), paired by their path inside the folder; 8-bit grayscale or palette PNGs holding annotation values
0..N (of a palette PNG the indices count, not the colours). Output: their confusion matrix. Invariant: every
annotation is scored against exactly one prediction of its size. The official toolkit resizes predictions that do not
fit and skips missing ones; a score that hides such mistakes is worse than none, so they raise.
"""

import unicodedata
from pathlib import Path

import numpy as np

from sceneparse.core.errors import InputError
from sceneparse.core.listing import files_below
from sceneparse.core.progress import progress
from sceneparse.dataset.class_table import parse_class_table
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.labels import to_labels
from sceneparse.dataset.pairs import DAMAGE
from sceneparse.dataset.picture_formats import bits_per_sample, open_picture, read_picture, reading
from sceneparse.scores.metrics import Confusion, confusion_matrix


def read_class_table(path: Path) -> tuple[str, ...]:
    """Return the names of the classes 1..N from an objectInfo150.txt on disk."""
    try:
        return parse_class_table(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(
            "the class table cannot be read",
            expected="a text file like ADE20K's objectInfo150.txt",
            got=str(error),
            file=path,
            next_step="name the file with --classes",
        ) from None


def score_folders(annotations: Path, predictions: Path, classes: int) -> Confusion:
    """Return the confusion matrix, int64 [N, N+1], of all pairs; a predicted 0 counts as 'no class'.

    Raises one InputError that lists every offender: annotations without a prediction and the
    reverse, files that are not 8-bit grayscale or palette PNGs, values above N, unequal sizes. Ignores the legends
    and confidences that `sceneparse predict` writes beside its labels.
    """
    problems: list[str] = []
    truths, guesses = (_pngs(folder, problems) for folder in (annotations, predictions))
    beside = {f"{key}_{kind}" for key in guesses for kind in ("legend", "confidence")} - truths.keys()
    guesses = {key: path for key, path in guesses.items() if key not in beside}
    problems += [f"{key}: no prediction" for key in sorted(truths.keys() - guesses.keys())]
    problems += [f"{key}: a prediction without annotation" for key in sorted(guesses.keys() - truths.keys())]
    total = np.zeros((classes, classes + 1), np.int64)
    pairs = sorted(truths.keys() & guesses.keys())
    for key in progress(pairs, "score", unit="image"):
        arrays = []
        for kind, path in (("annotation", truths[key]), ("prediction", guesses[key])):
            try:
                arrays.append(_read(path, classes))
            except DAMAGE as error:
                problems.append(f"{key}: {kind}: {error}")
        if len(arrays) < 2:
            continue
        truth, guess = arrays
        if truth.shape != guess.shape:
            problems.append(f"{key}: prediction is {_size(guess)}, annotation {_size(truth)}")
        else:
            total += confusion_matrix(to_labels(truth), to_labels(guess), classes)
    if problems or not pairs:
        raise InputError(
            "annotations and predictions cannot be scored",
            expected=f"for every annotation a PNG of the same name and size, 8-bit, values 0..{classes}",
            got="\n    ".join([f"{len(truths)} annotations, {len(guesses)} predictions", *problems]),
            file=f"{annotations} and {predictions}",
            next_step="fix or add the files named; both folders must be laid out alike",
        )
    return total


def _pngs(folder: Path, problems: list[str]) -> dict[str, Path]:
    """Return every PNG below a folder by its path inside it without the suffix, an accent as one character (NFC)."""
    errors: list[OSError] = []
    named: dict[str, Path] = {}
    for path in files_below(folder, errors):
        if path.suffix.lower() == ".png":
            key = unicodedata.normalize("NFC", path.relative_to(folder).with_suffix("").as_posix())
            if named.setdefault(key, path) is not path:
                problems.append(f"{path}: the same name as {named[key]}")
    problems += [f"{error.filename}: {error.strerror}" for error in errors]
    return named


def _read(path: Path, classes: int) -> Pixels:
    """Return annotation values, uint8 [H, W], 0..classes. Raises OSError and ValueError."""
    content = read_picture(path)
    with reading(), open_picture(content, formats=("PNG",)) as picture:
        values = np.asarray(picture)
        depth = bits_per_sample(picture, content)
        # Pillow stretches grayscale of less than 8 bits to 0..255: the values are lost.
        if picture.mode not in {"L", "P"} or (picture.mode == "L" and depth != 8):
            raise ValueError(f"mode {picture.mode} with {depth} bits instead of 8-bit grayscale or palette")
    if values.size and values.max() > classes:
        raise ValueError(f"values up to {values.max()}, above {classes}")
    return values


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
