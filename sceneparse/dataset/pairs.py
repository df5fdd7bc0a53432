"""One pair of a dataset: its check, with all problems, and its pixels.

A usable pair has a picture with a readable header and an 8-bit L annotation with values 0..N, of the picture's size
upright or as stored. Only the picture's header is checked here; damaged pixel data fails when it is decoded.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from sceneparse.dataset.archive import Dataset, Pair
from sceneparse.dataset.images import AnnotationKindError, decode_annotation
from sceneparse.dataset.photos import Size, decode, picture_sizes
from sceneparse.dataset.picture_formats import open_picture

DAMAGE = (OSError, ValueError)  # raised by reading files and by decoding


class Problem(NamedTuple):
    """Problem of a pair: its `kind`, such as "sizes", and the `member` to blame."""

    kind: str
    member: str
    text: str


@dataclass(frozen=True)
class Checked:
    """Contents of a pair; neither is None where there are no problems."""

    image: bytes | None
    annotation: Image.Image | None
    problems: tuple[Problem, ...]

    def usable(self) -> tuple[bytes, Image.Image]:
        """Return the picture's bytes and the annotation. Raises ValueError with all problems."""
        if self.problems or self.image is None or self.annotation is None:
            raise ValueError("; ".join(problem.text for problem in self.problems))
        return self.image, self.annotation


def open_pair(dataset: Dataset, pair: Pair) -> tuple[Image.Image, Image.Image]:
    """Return a pair's picture, RGB, turned as its annotation is, and its annotation, 8-bit L. Raises InputError."""
    member = pair.annotation
    try:
        annotation = decode_annotation(dataset.content(member))
        member = pair.image
        return decode(dataset.content(member), annotation.size).image, annotation
    except ValueError as error:
        raise dataset.unreadable(member, error) from None


def check_pair(dataset: Dataset, pair: Pair, classes: int | None) -> Checked:
    """Read and check a pair. `classes`: the largest valid annotation value, None if unknown."""
    problems = []
    image, annotation, stored, annotated = None, None, None, None
    try:
        image = dataset.content(pair.image)
        stored = open_picture(image).size
    except DAMAGE as error:
        problems.append(Problem("image_unreadable", pair.image, f"image: {error}"))
    try:
        content = dataset.content(pair.annotation)
        annotated = open_picture(content).size
        annotation = decode_annotation(content)
    except AnnotationKindError as error:
        problems.append(Problem("annotation_kind", pair.annotation, f"annotation: {error}"))
    except DAMAGE as error:
        problems.append(Problem("annotation_unreadable", pair.annotation, f"annotation: {error}"))
    if image and stored and annotated and annotated != stored:
        problems += _check_size(image, pair, annotated)
    if annotation is not None and classes is not None:
        values = np.asarray(annotation)
        if values.max() > classes:  # several times faster than Pillow's histogram
            text = f"annotation values above the {classes} classes: {np.unique(values[values > classes]).tolist()}"
            problems.append(Problem("values", pair.annotation, text))
    return Checked(image, annotation, tuple(problems))


def _check_size(image: bytes, pair: Pair, annotated: Size) -> list[Problem]:
    """Compare with the upright size. A PNG is decoded for it: its EXIF can follow its pixels."""
    try:
        upright = picture_sizes(image).upright
    except DAMAGE as error:
        return [Problem("image_unreadable", pair.image, f"image: {error}")]
    if annotated == upright:
        return []
    text = f"image is {upright} but annotation {annotated} pixels (width, height)"
    return [Problem("sizes", pair.annotation, text)]
