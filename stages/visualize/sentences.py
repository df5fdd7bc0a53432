"""Sentences of the report about its own numbers: they say what these show, whatever was expected of them.

Input: scores, the number of validation images, the model's card. Output: text. Invariant: two numbers that print alike
are called equal.
"""

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
