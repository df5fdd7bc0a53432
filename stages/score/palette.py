"""One colour per class, made rather than copied.

Input: the number of classes. Output: RGB colours indexed by annotation value, row 0 = black for
'other'. Invariant: a class's colour depends on its number alone, so pictures of models with
different class counts agree, and every pair of colours can be told apart.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from stages.data.labels import MAX_CLASSES

Colours = npt.NDArray[np.uint8]

LEVELS = np.arange(16, dtype=np.uint8) * 17  # the candidates: a grid of 16 x 16 x 16 RGB colours
BLACK_WHITE = np.array([[0, 0, 0], [255, 255, 255]], dtype=np.uint8)


def palette(classes: int) -> Colours:
    """RGB colours, uint8 [classes + 1, 3], indexed by annotation value. classes: 0..254."""
    if not 0 <= classes <= MAX_CLASSES:
        raise ValueError(f"expected 0..{MAX_CLASSES} classes, got {classes}")
    return _colours()[: classes + 1].copy()


@cache
def _colours() -> Colours:
    """Greedy farthest points in CIELAB: each colour is the candidate farthest from all before it.

    Gonzalez, Clustering to minimize the maximum intercluster distance (1985).
    """
    grid = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = _lab(grid)
    chroma_sq = (lab[:, 1:] ** 2).sum(axis=1)
    # Neither glaring nor so dark that it passes for 'other'.
    grid, lab = (values[(chroma_sq < 6000**2) & (lab[:, 0] > 3000)] for values in (grid, lab))
    # Far from white too, which is the page that the pictures are shown on.
    distance = np.minimum(*(((lab - _lab(colour)) ** 2).sum(axis=1) for colour in BLACK_WHITE))
    chosen = [BLACK_WHITE[0]]
    for _ in range(MAX_CLASSES):
        farthest = int(distance.argmax())  # of equals the first
        chosen.append(grid[farthest])
        distance = np.minimum(distance, ((lab - lab[farthest]) ** 2).sum(axis=1))
    return np.array(chosen)


def _lab(rgb: Colours) -> npt.NDArray[np.int64]:
    """sRGB uint8 [..., 3] to CIELAB (D65, IEC 61966-2-1) in hundredths.

    Whole numbers, so that equal distances are equal on every machine and the choice is the same.
    """
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / to_xyz.sum(axis=1)  # relative to the white point
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    return np.asarray(np.rint(100 * lab), dtype=np.int64)
