"""Advice about each kind of problem that a pair can have."""

from typing import Final


class UnfitError(ValueError):
    """A picture or mask that cannot be used; `kind` is a key of HINTS."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


TOLERANCE = (
    "--tolerance N takes the nearest class of the table, if no channel is further off than N: 20 is enough for most "
    "colours of a JPEG, 127 for anything between 0 and 255"
)

HINTS: Final = {
    "damaged": "copy damaged files again, or remove the pair",
    "deep": "convert pictures of 32 bits a sample to 8 or 16 yourself: only you know where black and white lie",
    "exchanged": "if width and height are exchanged, picture or mask was turned after the other was saved, and no "
    "turn in the picture's EXIF explains it: turn one of them, without resizing",
    "scaled": "export masks at their pictures' size, or resize by nearest neighbour: smoothing invents values",
    "size": "a mask of another shape than its picture is cropped, or belongs to another picture: compare the names",
    "jpeg": f"save masks as PNG; for masks that are JPEGs already {TOLERANCE}",
    "unknown": "add unknown codes to the class table, or say --unknown ignore to make them 0",
    "soft": f"for masks with smoothed edges, {TOLERANCE}",
    "palettes": "masks whose palettes disagree have no common numbers: give each class its colour in the class table; "
    "if the numbers are right and the colours do not matter, say --masks-by value",
    "colours": "for masks of colours write a class table of name, r, g, b",
    "depth": "save masks with the same values as 8-bit or 16-bit grayscale, or as a palette PNG",
    "fractions": "masks of fractions are smoothed, or probabilities; give pixels without data (NaN) a whole number",
    "shapes": "if shapes do not fit, export the annotations again, with the pictures that were annotated",
    "kind": "save masks as grayscale, palette or RGB of 8 bits",
}


def misfit(picture: tuple[int, int], mask: tuple[int, int], text: str) -> UnfitError:
    """Return the error about a mask of another size (width, height) than its picture."""
    if mask == picture[::-1]:
        return UnfitError("exchanged", f"{text}: width and height are exchanged")
    (width, height), (across, down) = picture, mask
    if abs(down * width - across * height) < max(picture):  # equal shapes but for rounding to whole pixels
        return UnfitError("scaled", f"{text}: {across / width:.2g} times its size")
    return UnfitError("size", text)
