"""One colour per class, made rather than copied.

Input: the number of classes, and the colours that a dataset gives them, if any. Output: RGB colours indexed by
annotation value, row 0 = black for 'other'. Invariant: a generated palette's colour of a class depends on its number
alone, so pictures of models with different class counts agree, and every pair of its colours can be told apart.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from sceneparse.dataset.labels import MAX_CLASSES
from sceneparse.scores.colour_difference import Lab, ciede2000, lab, linear

Colours = npt.NDArray[np.uint8]

LEVELS = np.arange(16, dtype=np.uint8) * 17  # the candidates: a grid of 16 x 16 x 16 RGB colours
ALIKE = 1000  # CIEDE2000, hundredths: nearer colours are hard to tell apart in a picture
BLACK_WHITE = np.array([[0, 0, 0], [255, 255, 255]], dtype=np.uint8)


def palette(classes: int) -> Colours:
    """RGB colours, uint8 [classes + 1, 3], indexed by annotation value. classes: 0..254."""
    return first_colours(_colours, classes)


def own_palette(own: Sequence[str], classes: int) -> Colours:
    """Return RGB colours like `palette`, where classes that have a colour of their own keep it.

    own: #rrggbb of each class or '' for none; or empty. The other classes take the generated colours in their order;
    those that look like a colour of a class come last.
    """
    colours = palette(classes)
    with_own = [value for value, colour in enumerate(own, start=1) if colour]
    if not with_own:
        return colours
    for value in with_own:
        colours[value] = np.frombuffer(bytes.fromhex(own[value - 1].removeprefix("#")), np.uint8)
    generated = _colours()[1:]
    nearest = ciede2000(lab(linear(generated))[:, np.newaxis], lab(linear(colours[with_own]))).min(axis=1)
    order = sorted(range(len(generated)), key=lambda index: nearest[index] < ALIKE)  # else as they are
    others = [value for value in range(1, classes + 1) if value not in with_own]
    colours[others] = generated[order[: len(others)]]
    return colours


def first_colours(colours: Callable[[], Colours], classes: int) -> Colours:
    """Those of 'other' and of so many classes, to be written into at will."""
    if not 0 <= classes <= MAX_CLASSES:
        raise ValueError(f"expected 0..{MAX_CLASSES} classes, got {classes}")
    return colours()[: classes + 1].copy()


def farthest_colours(seen: Callable[[Colours], Lab], darkest: int, most_vivid: int) -> Colours:
    """Greedy farthest points by CIEDE2000: each colour is the candidate farthest from all before it.

    Gonzalez, Clustering to minimize the maximum intercluster distance (1985). `seen` gives the CIELAB [V, n, 3] of n
    colours as V observers see them; two colours are as far apart as they are to the one who tells them apart worst.
    Left out is what to the first observer is darker or more vivid than asked, in CIELAB's lightness and chroma.
    """
    grid = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS, indexing="ij"), axis=-1).reshape(-1, 3)
    lightness, *plane = np.moveaxis(seen(grid)[0], -1, 0)
    grid = grid[(lightness > 100 * darkest) & (plane[0] ** 2 + plane[1] ** 2 < (100 * most_vivid) ** 2)]
    views = seen(grid)  # [V, n, 3]
    # Far from black, which is 'other', and from white, the page that the pictures are shown on.
    ends = np.moveaxis(seen(BLACK_WHITE), 1, 0)[:, :, np.newaxis]  # [2, V, 1, 3]
    distance = ciede2000(views, ends).min(axis=(0, 1))
    chosen = [BLACK_WHITE[0]]
    for _ in range(MAX_CLASSES):
        farthest = int(distance.argmax())  # of equals the first
        chosen.append(grid[farthest])
        distance = np.minimum(distance, ciede2000(views, views[:, farthest, np.newaxis]).min(axis=0))
    return np.array(chosen)


@cache
def _colours() -> Colours:
    # Neither glaring nor so dark that it passes for 'other'.
    return farthest_colours(lambda rgb: lab(linear(rgb))[np.newaxis], darkest=30, most_vivid=60)
