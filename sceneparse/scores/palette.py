"""A colour for each class.

Input: the number of classes, and the dataset's own colours, if it has some. Output: RGB colours indexed by annotation
value, row 0 = black for 'other'. Invariant: a class's colour in `palette` and `colour_blind_palette` depends on its
number alone, so pictures of models with different class counts agree.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from sceneparse.dataset.labels import MAX_CLASSES
from sceneparse.scores.palette_tables import COLOUR_BLIND, STANDARD

Colours = npt.NDArray[np.uint8]

ALIKE = 0.12  # distance in OKLab: nearer colours are hard to tell apart in a picture
# Ottosson, A perceptual color space for image processing (2020): linear sRGB to the cones' light, and on to OKLab.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def palette(classes: int) -> Colours:
    """Return RGB colours, uint8 [classes + 1, 3], indexed by annotation value. classes: 0..254."""
    return _first_colours(STANDARD, classes)


def colour_blind_palette(classes: int) -> Colours:
    """Return RGB colours like `palette`, for readers who confuse red and green: about one man in twelve."""
    return _first_colours(COLOUR_BLIND, classes)


def own_palette(own: Sequence[str], classes: int) -> Colours:
    """Return RGB colours like `palette`, where classes that have a colour of their own keep it.

    own: #rrggbb of each class or '' for none; or empty. The other classes take the palette's colours in order; those
    that look like a colour of a class come last.
    """
    colours = palette(classes)
    with_own = [value for value, colour in enumerate(own, start=1) if colour]
    if not with_own:
        return colours
    for value in with_own:
        colours[value] = np.frombuffer(bytes.fromhex(own[value - 1].removeprefix("#")), np.uint8)
    free = palette(MAX_CLASSES)[1:]
    nearest = np.linalg.norm(_oklab(free)[:, np.newaxis] - _oklab(colours[with_own]), axis=-1).min(axis=1)
    order = np.argsort(nearest < ALIKE, kind="stable")
    others = [value for value in range(1, classes + 1) if value not in with_own]
    colours[others] = free[order[: len(others)]]
    return colours


def _first_colours(table: str, classes: int) -> Colours:
    if not 0 <= classes <= MAX_CLASSES:
        raise ValueError(f"expected 0..{MAX_CLASSES} classes, got {classes}")
    return _parsed(table)[: classes + 1].copy()


@cache
def _parsed(table: str) -> Colours:
    """Return the colours of a table, uint8 [255, 3]."""
    return np.array([[17 * int(digit, 16) for digit in colour] for colour in table.split()], np.uint8)


def _oklab(rgb: Colours) -> npt.NDArray[np.float64]:
    """sRGB uint8 [..., 3] in OKLab, where equal distances look about equal."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ TO_CONES.T) @ TO_OKLAB.T)
