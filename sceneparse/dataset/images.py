"""Pictures and annotations as pixels: fitting both into the training square; reading and storing annotations.

Input: Pillow images, and annotations' contents; sceneparse/dataset/photos.py decodes pictures. An image is
resized by antialiased bilinear filtering (or by nearest neighbour, where asked) and an annotation always by nearest
neighbour, through the same geometry, so that every annotation value stays one that was there before.
"""

import struct
import zlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from sceneparse.dataset.picture_formats import open_picture, reading

Pixels = npt.NDArray[np.uint8]

# ImageNet's mean RGB: the network subtracts it, so padding with it is padding with zeros.
MEAN_RGB = (123.68, 116.779, 103.939)
PADDING_RGB = (124, 117, 104)

# Where a PNG says its bits a sample and its colour type (PNG specification, 11.2.1 IHDR), and what 8-bit gray is.
DEPTH_AND_TYPE = slice(24, 26)
GRAY_8 = bytes((8, 0))


class AnnotationKindError(ValueError):
    """A picture that is no annotation, of another kind than an 8-bit grayscale PNG."""


class Fit(NamedTuple):
    """Where a picture goes: resized to width x height, its corner at (left, top) of the square (negative = cropped)."""

    width: int
    height: int
    left: int
    top: int


def fit(width: int, height: int, size: int, mode: str) -> Fit:
    """How a width x height picture is fitted into a size x size square by a `prepare.mode`.

    squash ignores the aspect ratio; crop brings the short side to `size` and cuts the rest off
    evenly; letterbox brings the long side to `size` and pads evenly.
    """
    if mode == "squash":
        return Fit(size, size, 0, 0)
    side = min(width, height) if mode == "crop" else max(width, height)
    new_width, new_height = (max(1, round(length * size / side)) for length in (width, height))
    return Fit(new_width, new_height, (size - new_width) // 2, (size - new_height) // 2)


def decode_annotation(content: bytes) -> Image.Image:
    """Decode an annotation, as stored: 8-bit L. Raises ValueError, AnnotationKindError for other kinds of pictures."""
    annotation = open_picture(content)
    # Not by Pillow's mode: L is also what it makes of 2 and 4 bits, with other values, and of a JPEG.
    if annotation.format != "PNG" or content[DEPTH_AND_TYPE] != GRAY_8:
        got = f"{annotation.format} of mode {annotation.mode}"
        raise AnnotationKindError(f"expected an 8-bit grayscale PNG, got {got}")
    with reading():
        annotation.load()
    return annotation


def resize_image(
    image: Image.Image,
    width: int,
    height: int,
    interpolation: str = "bilinear",
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Antialiased bilinear, or nearest, of the part in `box` (left, top, right, bottom).

    The picture itself if it fits already.
    """
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling[interpolation.upper()], box)


def place(picture: Image.Image, where: Fit, size: int, fill: int | tuple[int, int, int]) -> Image.Image:
    """The size x size square with the resized picture in its place and `fill` around it."""
    if picture.size == (size, size):
        return picture
    square = Image.new(picture.mode, (size, size), fill)
    square.paste(picture, (where.left, where.top))
    return square


def fit_pair(
    image: Image.Image, annotation: Image.Image, where: Fit, size: int, interpolation: str = "bilinear"
) -> tuple[Image.Image, Image.Image]:
    """Fit both into the square: padding is the mean colour in the image and 0 = ignored in the annotation."""
    image = resize_image(image, where.width, where.height, interpolation)
    annotation = annotation.resize((where.width, where.height), Image.Resampling.NEAREST)
    return place(image, where, size, PADDING_RGB), place(annotation, where, size, 0)


def encode_annotation(annotation: Image.Image) -> bytes:
    """An 8-bit L picture as PNG.

    By hand, for the sake of unfiltered rows: labels are no gradients, so Pillow's search for the best
    filter of each row takes three quarters of its time and gains nothing.
    """
    width, height = annotation.size
    rows = np.zeros((height, 1 + width), np.uint8)  # each begins with the number of its filter, 0 = none
    rows[:, 1:] = np.asarray(annotation)
    header = struct.pack(">II", width, height) + GRAY_8 + bytes(3)  # deflated, filtered by rows, not interlaced
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level=3)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
