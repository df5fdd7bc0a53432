"""A picture too large to be read at once: annotated in overlapping tiles, whose probabilities are blended.

Input: an RGB picture and the most pixels of a tile. Output: its annotation. Invariant: the network reads a tile as
it would a whole picture, fitted into the training size, so things look larger in it, by the same factor in the whole
picture; and a tile's weight falls to nothing at its borders, so no seam shows where two tiles meet.

A network trained on whole pictures squashed to 256 x 256 knows things at the size that they have there. Tiles show
detail that a single reading loses, but less of the scene, and things at another scale. Both are right for pictures
that show more than a photo does, such as panoramas, plans and aerial views, and wrong for a photo that merely has more
pixels. So the limit belongs above what cameras give, and tiles are as large as it allows: a picture just above it
gets few tiles, at a scale near that of training.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from sceneparse.core.types import Tensor
from sceneparse.dataset.images import Pixels
from sceneparse.inference.best_outputs import OutputScores
from sceneparse.inference.parser import SceneParser, score_views
from sceneparse.inference.views import ONE_VIEW, Labels, Views

OVERLAP = 0.25  # least share of a tile's side that two neighbours have in common

Probabilities = npt.NDArray[np.float32]


class Tiling(NamedTuple):
    """Windows [height, width] at all `tops` and `lefts` of a canvas [height, width], the picture resized.

    The picture is never resized as a whole: each window is cut from it and resized by itself.
    """

    canvas: tuple[int, int]
    window: tuple[int, int]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    @property
    def area(self) -> int:
        """Places on the canvas, for each of which `tiled_probabilities` returns one number per class."""
        return math.prod(self.canvas)

    @property
    def corners(self) -> list[tuple[int, int]]:
        """(top, left) of each window, in reading order."""
        return [(top, left) for top in self.tops for left in self.lefts]


def plan_tiles(parser: SceneParser, width: int, height: int, pixels: int, views: Views = ONE_VIEW) -> Tiling:
    """Spread square tiles of at most `pixels` evenly over a width x height picture; narrower where the picture is.

    Raises TooLargeError for tiles that `fitted` refuses.
    """
    side = max(1, math.isqrt(pixels))
    tile = min(side, width), min(side, height)
    window = parser.fitted(*tile, views)
    canvas = [max(window[axis], round((width, height)[axis] * window[axis] / tile[axis])) for axis in (0, 1)]
    lefts, tops = (_starts(canvas[axis], window[axis]) for axis in (0, 1))
    return Tiling((canvas[1], canvas[0]), window[::-1], tops, lefts)


def annotate_tiled(
    parser: SceneParser,
    image: Pixels,
    tiling: Tiling,
    views: Views = ONE_VIEW,
    batch: int = 8,
    confidence: bool = False,
) -> Labels:
    """Return the labels of an RGB picture, uint8 [H, W, 3], from at most `batch` tiles at a time."""
    batch = parser.batch_of(tiling.window, views, batch)
    probabilities = tiled_probabilities(parser, image, tiling, views, batch)
    scores = OutputScores(probabilities[np.newaxis], 1, tiling.canvas, "probabilities")
    return parser.decide(scores, image.shape[:2], confidence)


def tiled_probabilities(parser: SceneParser, image: Pixels, tiling: Tiling, views: Views, batch: int) -> Probabilities:
    """Return mean probabilities on the canvas, float32 [h, w, N]: a tile weighs less towards its borders."""
    picture = Image.fromarray(image)
    (canvas_height, canvas_width), (height, width) = tiling.canvas, tiling.window
    scale = picture.width / canvas_width, picture.height / canvas_height  # the picture's pixels for one of the canvas
    resampling = Image.Resampling[parser.card.preprocessing.interpolation.upper()]
    weights = (_hat(height)[:, np.newaxis] * _hat(width))[..., np.newaxis]  # [height, width, 1]
    total: Tensor = None
    covered = np.zeros((canvas_height, canvas_width, 1), np.float32)
    for start in range(0, len(tiling.corners), batch):
        corners = tiling.corners[start : start + batch]

        def at_scale(zoom: float, corners: list[tuple[int, int]] = corners) -> Tensor:
            size = max(1, round(width * zoom)), max(1, round(height * zoom))
            ends = ((left, top, left + width, top + height) for top, left in corners)
            boxes = (tuple(map(min, np.multiply(end, 2 * scale).tolist(), 2 * picture.size)) for end in ends)
            return np.stack([np.asarray(picture.resize(size, resampling, box)) for box in boxes])

        scores = score_views(parser.model, at_scale, (height, width), views)
        full = scores.upsampled()
        probabilities = (tf.nn.softmax(full) if scores.kind == "logits" else full).numpy()  # [B, height, width, N]
        if total is None:
            total = np.zeros((canvas_height, canvas_width, probabilities.shape[-1]), np.float32)
        for (top, left), tile in zip(corners, probabilities, strict=True):
            rows, columns = slice(top, top + height), slice(left, left + width)
            total[rows, columns] += weights * tile
            covered[rows, columns] += weights
    total /= covered  # in place: of a large picture it is most of the memory
    return total  # type: ignore[no-any-return]  # a Tensor only until the first tile


def _starts(length: int, window: int) -> tuple[int, ...]:
    if window >= length:
        return (0,)
    steps = math.ceil((length - window) / (window * (1 - OVERLAP)))
    return tuple(round(step * (length - window) / steps) for step in range(steps + 1))


def _hat(length: int) -> Probabilities:
    """Return weights that are 1 in the middle, fall to both ends and stay above 0."""
    return (1 - np.abs((2 * np.arange(length) + 1) / length - 1)).astype(np.float32).clip(1e-6)
