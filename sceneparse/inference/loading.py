"""Loading of a trained model: checks the file and its card before TensorFlow loads, which takes seconds."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.core.fields import Palette
from sceneparse.core.tensorflow_loading import load_tensorflow
from sceneparse.network.card import Card, Checked, check_model
from sceneparse.scores.palette import colour_blind_palette

if TYPE_CHECKING:
    from sceneparse.inference.parser import SceneParser


def load_parser(model: str | Path, card: str | Path | None = None, palette: Palette = "standard") -> "SceneParser":
    """Load a trained model, ready to annotate pictures.

    `card` is the model's description (.json). Without it the file beside the model counts, and without that one the
    card inside the model. `palette` is standard, the card's colours, or colour_blind. Raises InputError when the model
    is damaged, does not belong to the card, or cannot be loaded by this Keras; TransientError, which is one, when
    another model takes its place meanwhile.
    """
    checked = check_with_card(model, card)
    load_tensorflow()
    from sceneparse.inference.parser import SceneParser

    parser = SceneParser.open(Path(model), checked)
    return replace(parser, card=in_colours(checked.card, palette))


def check_with_card(model: str | Path, card: str | Path | None) -> Checked:
    """Return card and seal of a model file that is whole, by the cards that `load_parser` names. Raises InputError."""
    beside = Path(model).with_suffix(".json")
    return check_model(Path(model), Path(card) if card else beside if beside.exists() else None)


def in_colours(card: Card, palette: Palette) -> Card:
    """Return the card with the colours of a palette."""
    return card if palette == "standard" else card.recoloured(colour_blind_palette(len(card.classes)))
