"""Loading of a trained model: checks the file and its card before TensorFlow loads, which takes seconds."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.core.fields import Palette
from sceneparse.core.tensorflow_loading import load_tensorflow
from sceneparse.network.card import check_model
from sceneparse.scores.palette import colour_blind_palette

if TYPE_CHECKING:
    from sceneparse.inference.parser import SceneParser


def load_parser(model: str | Path, card: str | Path | None = None, palette: Palette = "standard") -> "SceneParser":
    """Load a trained model, ready to annotate pictures.

    `card` is the model's description (.json). Without it the file beside the model counts, and without that one the
    card inside the model. `palette` is standard, the card's colours, or colour_blind. Raises InputError when the model
    is damaged, does not belong to the card, or cannot be loaded by this Keras.
    """
    model = Path(model)
    beside = model.with_suffix(".json")
    checked = check_model(model, Path(card) if card else beside if beside.exists() else None)
    load_tensorflow()
    from sceneparse.inference.parser import SceneParser

    parser = SceneParser.open(model, checked)
    if palette == "standard":
        return parser
    return replace(parser, card=parser.card.recoloured(colour_blind_palette(len(parser.classes))))
