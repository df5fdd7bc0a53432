"""Options and results of a parser, and what its card says: without TensorFlow, which takes seconds to import."""

from typing import NamedTuple

from sceneparse.dataset.images import Pixels, fit
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

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height to which a picture is resized for the network: as for training, but uncropped."""
        preprocessing = self.card.preprocessing
        place = fit(width, height, preprocessing.size, preprocessing.mode)
        return place.width, place.height
