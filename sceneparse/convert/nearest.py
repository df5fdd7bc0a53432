"""Codes that a class table does not have -> the nearest that it has: of JPEG masks and smoothed edges."""

import numpy as np
import numpy.typing as npt

from sceneparse.convert.mask_legend import Legend
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.labels import IGNORE

CHUNK = 4096  # codes that are compared at a time: 12 MB with 254 colours


def nearest(codes: npt.NDArray[np.int64], legend: Legend, tolerance: int) -> Pixels:
    """Annotation values, uint8 [K], for K codes; IGNORE for those of which no class is within the tolerance.

    No channel (or value) may differ by more than the tolerance; of several codes the nearest in RGB counts, of equally
    near ones the first in the table.
    """
    known = _channels(np.array([code for code, _ in legend.codes], np.int64), legend)  # [N, 1 or 3]
    numbers = np.array([number for _, number in legend.codes], np.uint8)
    parts = []
    for start in range(0, len(codes), CHUNK):
        apart = _channels(codes[start : start + CHUNK], legend)[:, None] - known  # [K, N, 1 or 3]
        within = np.abs(apart).max(-1) <= tolerance
        distance = np.where(within, np.square(apart).sum(-1), np.iinfo(np.int64).max)
        parts.append(np.where(within.any(1), numbers[distance.argmin(1)], IGNORE).astype(np.uint8))
    return np.concatenate([np.zeros(0, np.uint8), *parts])


def too_near(legend: Legend, tolerance: int) -> tuple[int, int] | None:
    """Two codes of different classes, each within the tolerance of the other: which a pixel had cannot be told."""
    codes = _channels(np.array([code for code, _ in legend.codes], np.int64), legend)
    numbers = np.array([number for _, number in legend.codes])
    for index in range(1, len(codes)):
        apart = np.abs(codes[:index] - codes[index]).max(-1)
        near = np.flatnonzero((apart <= tolerance) & (numbers[:index] != numbers[index]))
        if len(near):
            return legend.codes[near[0]][0], legend.codes[index][0]
    return None


def _channels(codes: npt.NDArray[np.int64], legend: Legend) -> npt.NDArray[np.int64]:
    if not legend.by_colour:
        return codes[:, None]
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1)
