"""Options and results of a parser, and what its card says: without TensorFlow, which takes seconds to import."""

import math
from typing import NamedTuple

from sceneparse.core.errors import InputError
from sceneparse.dataset.images import MOST_SQUARES, Pixels, check_squares, fit
from sceneparse.dataset.picture_formats import TooLargeError
from sceneparse.network.card import Card


class Views(NamedTuple):
    """Test-time augmentation: the scales at which the network reads a picture, and whether also mirrored."""

    scales: tuple[float, ...]
    flip: bool


ONE_VIEW = Views((1.0,), flip=False)


class Labels(NamedTuple):
    """A picture's annotation, 0..N, and its confidence, 0..100 percent, or None if not asked for: uint8 [H, W]."""

    annotation: Pixels
    confidence: Pixels | None = None


class Described:
    """A parser by its card: classes, colours and training geometry."""

    card: Card

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes 1..N."""
        return self.card.classes

    @property
    def colours(self) -> Pixels:
        """RGB colours, uint8 [N + 1, 3], indexed by annotation value."""
        return self.card.colours()

    def fitted(self, width: int, height: int, views: Views = ONE_VIEW) -> tuple[int, int]:
        """Return the width and height to which a picture is resized for the network: as for training, but uncropped.

        Raises TooLargeError for more pixels than MOST_SQUARES training squares, also at the largest scale of `views`:
        those of thin pictures by mode crop.
        """
        preprocessing, scale = self.card.preprocessing, max(views.scales)
        place = fit(width, height, preprocessing.size, preprocessing.mode)
        scaled = place.width * scale, place.height * scale
        check_squares((width, height), scaled, preprocessing.size, f"mode {preprocessing.mode} and scale {scale:g}")
        return place.width, place.height

    def batch_of(self, fitted: tuple[int, int], views: Views, most: int) -> int:
        """Return how many pictures of a fitted size may go through the network at a time: at most `most`.

        There are fewer, but one, if they had more pixels than MOST_SQUARES or `most` training squares.
        """
        squares = math.prod(fitted) * (max(views.scales) / self.card.preprocessing.size) ** 2
        return max(1, min(most, int(max(MOST_SQUARES, most) / squares)))


def too_large(error: TooLargeError, name: object) -> InputError:
    """Return the error for a picture that `Described.fitted` refuses."""
    return InputError(
        "the picture is too long and thin for the network",
        expected=f"at most {MOST_SQUARES} times the pixels of a training square, as the network gets it",
        got=str(error),
        file=name,
        next_step="cut it into parts, or use lower scales; prepare.mode squash and letterbox fit pictures of any shape",
    )
