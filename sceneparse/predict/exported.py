"""An ONNX export that lies beside its model: the model's labels within a second, without TensorFlow.

Input: NAME.keras, and in the same folder NAME.onnx with NAME.onnx.json, which `sceneparse export --format onnx` writes.
Output: a parser for pictures as they are; tiles, several views and very large pictures need the model itself.
Invariant: the export comes from this very model, by its seal, is whole, and agreed with it. A pixel can get another
class than by TensorFlow only where two scores are equal but for rounding: the two runtimes add in different orders.
"""

import importlib.util
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sceneparse.core.documents import load_json
from sceneparse.core.errors import shortened
from sceneparse.core.fields import Palette
from sceneparse.core.files import file_digest
from sceneparse.core.tables import print_line
from sceneparse.core.tensorflow_loading import gpu_asked_for
from sceneparse.dataset.images import Pixels, resize_image
from sceneparse.dataset.labels import outputs_to_annotation, without_other
from sceneparse.inference.loading import check_with_card, in_colours, load_parser
from sceneparse.inference.views import ONE_VIEW, Described, Labels, Views
from sceneparse.network.card import Card, check_unchanged
from sceneparse.network.members import MOST_BYTES

if TYPE_CHECKING:
    from sceneparse.inference.parser import SceneParser

ALIKE = 0.99999  # least share of pixels that had the model's class in the check of the export
MOST_SCORES = 1 << 27  # pixels x outputs of a picture or of its scores: above, TensorFlow is faster, with its start
BAND = 1 << 22  # scores decided at a time

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ExportedParser(Described):
    """Parser of an export; `open_model` opens the model itself for what the export cannot do."""

    session: Any  # onnxruntime.InferenceSession
    card: Card
    open_model: Callable[[], "SceneParser"]

    @cached_property
    def whole(self) -> "SceneParser":
        """The model's own parser, opened at its first use. Raises TransientError if the model was replaced since."""
        return self.open_model()

    def annotate_batch(
        self, images: Sequence[Pixels], views: Views = ONE_VIEW, other: bool = True, confidence: bool = False
    ) -> list[Labels]:
        """Return labels as SceneParser.annotate_batch does; each picture goes through the network alone."""
        if views != ONE_VIEW or confidence:
            return self.whole.annotate_batch(images, views, other, confidence)
        return [self._annotate(image, other) for image in images]

    def _annotate(self, image: Pixels, other: bool) -> Labels:
        height, width = image.shape[:2]
        fitted = self.fitted(width, height)
        if max(height * width, math.prod(fitted)) * (len(self.classes) + 1) > MOST_SCORES:
            return self.whole.annotate_batch([image], other=other)[0]
        picture = resize_image(Image.fromarray(image), *fitted, self.card.preprocessing.interpolation)
        scores = self.session.run(["logits"], {"image": np.asarray(picture)[np.newaxis]})[0][0]  # [h, w, N]
        if not other:
            scores = without_other(scores, len(self.classes))
        best = resized_argmax(scores, (height, width))
        annotation: Pixels = outputs_to_annotation(best, len(self.classes), scores.shape[-1]).astype(np.uint8)
        return Labels(annotation)


def open_export(model: Path, card: Path | None, palette: Palette) -> ExportedParser | None:
    """Return the parser of the export beside a model, None if there is none or it is not used: a note says why.

    Raises InputError for a model that cannot be used.
    """
    exported = model.with_suffix(".onnx")
    if not exported.is_file():
        return None
    checked, seal = check_with_card(model, card)
    reason = _unfit_here(checked) or _unlike(exported, seal)
    if not reason:
        import onnxruntime

        try:
            session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
        except Exception as error:  # whatever it raises, the file made it do so
            reason = f"onnxruntime {onnxruntime.__version__} cannot open it: {shortened(str(error), 300)}"
    if reason:
        print_line(f"note: {exported} is not used: {reason}", sys.stderr)
        return None
    print_line(f"note: {exported}, an export of the model, is used in its place", sys.stderr)

    def open_model() -> "SceneParser":
        parser = load_parser(model, card, palette)
        check_unchanged(model, seal)
        return parser

    return ExportedParser(session, in_colours(checked, palette), open_model)


def _unfit_here(card: Card) -> str | None:
    """Return why no export stands for the model on this machine, or None."""
    if card.params.train.get("precision", "float32") != "float32":
        return "the model computes in mixed precision, an export in float32"
    if gpu_asked_for(os.environ):
        return "TensorFlow has a GPU"
    if importlib.util.find_spec("onnxruntime") is None:
        return "onnxruntime is not installed (pip install -c constraints.txt -e '.[export]')"
    return None


def _unlike(exported: Path, seal: str) -> str | None:
    """Return why an export cannot stand for the model with this seal, or None."""
    try:
        described = load_json(exported.with_name(f"{exported.name}.json"), MOST_BYTES)
        if described["model"] != seal:
            return "it comes from another model: export this one again"
        if described["digest"] != file_digest(exported):
            return "it is damaged: export the model again"
        if described["input"]["shape"] != ["batch", "height", "width", 3]:
            return "it takes pictures of one size"
        if described["check"]["agreement"] < ALIKE:
            return f"it agreed with the model on {described['check']['agreement']:.4%} of pixels only"
    except (OSError, ValueError, KeyError, TypeError):
        return f"{exported.name}.json does not describe it: export the model again"
    return None


def resized_argmax(scores: Scores, size: tuple[int, int]) -> Pixels:
    """Return the best output of each pixel, uint8 [*size], of scores [h, w, N] resized bilinearly.

    The float32 operations are those of tf.image.resize, in its order, so that the results are equal.
    """
    above, below, down = _neighbours(scores.shape[0], size[0])
    left, right, across = _neighbours(scores.shape[1], size[1])
    best = np.empty(size, np.uint8)
    step = max(1, BAND // (size[1] * scores.shape[2]))
    for top in range(0, size[0], step):
        rows = slice(top, top + step)
        needed = np.unique([above[rows], below[rows]])  # of the scores' rows: a flat picture leaves most of them out
        lines = scores[needed[:, np.newaxis], left]
        lines += (scores[needed[:, np.newaxis], right] - lines) * across[:, np.newaxis]  # [needed, size[1], N]
        band = lines[np.searchsorted(needed, above[rows])]
        band += (lines[np.searchsorted(needed, below[rows])] - band) * down[rows, np.newaxis, np.newaxis]
        best[rows] = band.argmax(axis=-1)
    return best


def _neighbours(length: int, new: int) -> tuple[Any, Any, Scores]:
    """Return, for each of `new` places on a side of `length`, the two neighbours and the share of the second."""
    place = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * (np.float32(length) / np.float32(new))
    place -= np.float32(0.5)
    lower = np.floor(place)
    first, second = lower.clip(0).astype(int), np.ceil(place).clip(None, length - 1).astype(int)
    return first, second, place - lower
