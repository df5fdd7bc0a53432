"""A colour for each class.

Input: the classes' names, and the dataset's own colours, if it has some. Output: RGB colours indexed by annotation
value, row 0 = black for 'other'. Invariant: a class's colour in `palette` and `colour_blind_palette` depends on its
number alone, so pictures of models with different class counts agree.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sceneparse.dataset.labels import MAX_CLASSES
from sceneparse.scores.colour_difference import Numbers, cielab, difference
from sceneparse.scores.natural_colours import natural_colour
from sceneparse.scores.palette_tables import COLOUR_BLIND, HEAT, STANDARD

Colours = npt.NDArray[np.uint8]

APART = 18.0  # CIEDE2000: easy to tell apart in a picture. Natural colours are no closer, nor are 20 of STANDARD.
ROUNDING = 1e-6  # processors differ in the last bits, and colours must not


def palette(classes: int) -> Colours:
    """Return RGB colours, uint8 [classes + 1, 3], indexed by annotation value. classes: 0..254."""
    return _first_colours(STANDARD, classes)


def colour_blind_palette(classes: int) -> Colours:
    """Return RGB colours like `palette`, for readers who confuse red and green: about one man in twelve."""
    return _first_colours(COLOUR_BLIND, classes)


def heat_colours() -> Colours:
    """Return RGB colours of 0..100 percent, uint8 [101, 3]; equal steps look equally large."""
    stops = np.array([[*bytes.fromhex(colour)] for colour in HEAT.split()])
    percents = np.arange(101)
    channels = [np.interp(percents, np.arange(0, 101, 10), stops[:, channel]) for channel in range(3)]
    return np.rint(channels).T.astype(np.uint8)


def class_palette(names: Sequence[str], own: Sequence[str] = ()) -> Colours:
    """Return RGB colours, uint8 [classes + 1, 3], indexed by annotation value, for classes of these names.

    own: #rrggbb of each class or '' for none; or empty. Classes keep colours of their own, whatever these are. All
    others differ from every colour in use by APART, or by what `palette` keeps for so many classes, if that is less.
    Common names get their natural colour; the second kind of tree gets the free colour that is most like it. Each other
    class gets its colour of `palette`, or the next free one if that looks like a colour in use. Should no colour be
    left at that distance, the farthest one counts.
    """
    chosen = _Chosen(len(names))
    for value, colour in enumerate(own, start=1):
        if colour:
            chosen.use(value, _rgb(colour))
    found = ((value, natural_colour(names[value - 1])) for value in chosen.missing())
    wishes = sorted((natural.rank, value, natural.colour) for value, natural in found if natural)
    for _, value, colour in wishes:
        if chosen.is_apart(_rgb(colour)):
            chosen.use(value, _rgb(colour))
    for _, value, colour in wishes:
        if value in chosen.missing():
            chosen.use_free(value, _unlike(cielab(_rgb(colour)), chosen.free))
    for value in chosen.missing():
        if chosen.is_apart(chosen.colours[value]):
            chosen.use(value, chosen.colours[value])
    for value in chosen.missing():
        chosen.use_free(value, (np.arange(len(chosen.free)) - value) % len(chosen.free))
    return chosen.colours


def told_apart(colours: Colours) -> Colours:
    """Return the colours, uint8 [classes + 1, 3], with each repeat changed by as little as makes it unique.

    A dataset's own colours may repeat, and one of them may be the black of 'other'.
    """
    taken: dict[int, None] = {}  # in order
    for colour in (int.from_bytes(row.tobytes()) for row in colours):
        nearest = (colour ^ change for change in range(len(taken) + 1))
        taken[next(near for near in nearest if near not in taken)] = None
    return np.array([[*near.to_bytes(3)] for near in taken], np.uint8)


class _Chosen:
    """Colours of the classes so far; `free`: those that others can have, in CIELAB [M, 3], `palette`'s first."""

    def __init__(self, classes: int) -> None:
        self.colours = palette(classes)
        self.free = cielab(_grid())
        self._nearest = np.full(len(self.free), np.inf)  # for each free colour: its least difference from one in use
        self._used: dict[int, Numbers] = {}  # in CIELAB [3], by value
        points = cielab(self.colours)
        pairs = difference(points[:, np.newaxis], points)[np.triu_indices(len(points), 1)]
        self._least = pairs.min(initial=APART) - ROUNDING

    def missing(self) -> list[int]:
        """Return the values of classes without a colour."""
        return [value for value in range(1, len(self.colours)) if value not in self._used]

    def use(self, value: int, colour: Colours) -> None:
        """Give a class a colour, uint8 [3]."""
        self.colours[value], self._used[value] = colour, cielab(colour)
        self._nearest = np.minimum(self._nearest, difference(self.free, self._used[value]))

    def is_apart(self, colour: Colours) -> bool:
        """Return whether a colour, uint8 [3], is far enough from all in use."""
        used = np.reshape([*self._used.values()], (-1, 3))
        return bool((difference(used, cielab(colour)) >= self._least).all())

    def use_free(self, value: int, order: npt.NDArray[Any]) -> None:
        """Give a class the free colour of lowest `order` that is apart from all in use, or if none is, the farthest."""
        apart = np.flatnonzero(self._nearest >= self._least)
        best = apart[order[apart].argmin()] if apart.size else self._nearest.argmax()
        self.use(value, _grid()[best])


def _unlike(colour: Numbers, others: Numbers) -> Numbers:
    """Return how unlike a colour others are, all in CIELAB [..., 3]: a hue matters more than a lightness."""
    return np.asarray(np.linalg.norm((others - colour) * (0.5, 1, 1), axis=-1))


@cache
def _grid() -> Colours:
    """Return the colours of `palette`, then others of the grid that are as mild: uint8 [M, 3]."""
    grid = (17 * np.indices((16, 16, 16))).astype(np.uint8).reshape(3, -1).T
    points = cielab(grid)
    from_white = difference(points, cielab(np.full(3, 255, np.uint8)))
    mild = (points[:, 0] > 30) & (np.hypot(points[:, 1], points[:, 2]) < 60) & (from_white > APART / 2)
    colours = np.concatenate([palette(MAX_CLASSES)[1:], grid[mild]])
    return colours[np.sort(np.unique(colours, axis=0, return_index=True)[1])]


def _rgb(colour: str) -> Colours:
    """Return RGB, uint8 [3], of #rrggbb."""
    return np.frombuffer(bytes.fromhex(colour.removeprefix("#")), np.uint8)


def _first_colours(table: str, classes: int) -> Colours:
    if not 0 <= classes <= MAX_CLASSES:
        raise ValueError(f"expected 0..{MAX_CLASSES} classes, got {classes}")
    return _parsed(table)[: classes + 1].copy()


@cache
def _parsed(table: str) -> Colours:
    """Return the colours of a table, uint8 [255, 3]."""
    return np.array([[17 * int(digit, 16) for digit in colour] for colour in table.split()], np.uint8)
