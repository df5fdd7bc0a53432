"""Sentences of the report about its own numbers: they say what these show, whatever was expected of them.

Input: scores, the number of validation images, the model's card. Output: text. Invariant: two numbers that print alike
are called equal.
"""

from collections.abc import Sequence

from sceneparse.network.card import Card
from sceneparse.report.pages import percent

FEW = 30  # validation images below which scores are shaky


def shaky(images: int) -> str:
    """Return a note about scores of few validation images; '' from FEW on."""
    if images >= FEW:
        return ""
    counted = "1 validation image" if images == 1 else f"{images} validation images"
    return (
        f"The scores come from {counted}. Below {FEW} they are shaky: other images of the same kind can give scores "
        "that differ by several points."
    )


def compared(score: str, without: float, with_them: float | None) -> str:
    """Return a clause about a score without and with constants in the model's last layer; None: it has no value."""
    before, after = percent(without), percent(with_them)
    if with_them is None:
        return f"the {score} is {before} without them and has no value with them"
    if before == after:
        return f"the {score} is {after} with and without them"
    direction = "higher" if with_them > without else "lower"
    return f"the {score} is {after} with them, {direction} than the {before} without them"


def first_weights(card: Card) -> str:
    """Return where the training's first weights come from, which train.start_from alone does not tell."""
    start, origin = card.params.train.get("start_from", "train.start_from"), card.origin
    if origin is None:
        return f"random: {start} held no weights" if "origin" in card.model_fields_set else "not on this model's card"
    source = f"{start}, {origin.digest[:19]}" if origin.digest else start
    return f"{_layers(origin.copied)} copied from {source}; initialised: {', '.join(origin.initialised) or 'none'}"


def _layers(names: Sequence[str]) -> str:
    return "1 layer" if len(names) == 1 else f"{len(names)} layers"
