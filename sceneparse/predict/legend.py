"""A legend: each class's colour, name and share, the largest share above.

Input: shares of classes, and colours. Output: a picture with a row for each class. Invariant: the colours are exactly
those of labels, and of the overlay at opacity 1. Pillow's own font has the letters of English; other names use the
first font of the machine that has all their letters, if there is one.
"""

from contextlib import suppress
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from sceneparse.core.errors import printable
from sceneparse.scores.palette import Colours

TEXT, ROW, MARGIN = 14, 24, 8  # pixels
FONTS = (  # in the system's and the user's folders of fonts, which Pillow searches
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
)
BACKGROUND, INK, FRAME = "white", "black", "#808080"

Shares = tuple[tuple[int, str, float], ...]  # class number, name and share of the pixels, largest first


def class_shares(pixels: npt.NDArray[np.int64], classes: tuple[str, ...]) -> Shares:
    """Return the shares of the annotation values 0..N, given each one's pixels; value 0 is named 'other'."""
    names = ("other", *classes)
    values = [value for value in np.argsort(-pixels, kind="stable").tolist() if pixels[value]]
    return tuple((value, names[value], float(pixels[value] / pixels.sum())) for value in values)


def draw_legend(shares: Shares, colours: Colours) -> Image.Image:
    """Draw an RGB picture, one row per class; colours: uint8 [N + 1, 3], indexed by class number."""
    cells = [(printable(name), _percent(share)) for _, name, share in shares]
    names, numbers = (max(round(font_for(cell[column]).getlength(cell[column])) for cell in cells) for column in (0, 1))
    right = MARGIN + ROW + names + 2 * MARGIN + numbers
    picture = Image.new("RGB", (right + MARGIN, 2 * MARGIN + ROW * len(shares)), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    for row, ((value, _, _), (name, number)) in enumerate(zip(shares, cells, strict=True)):
        top = MARGIN + row * ROW
        box = (MARGIN, top + 3, MARGIN + ROW - 7, top + ROW - 4)
        draw.rectangle(box, fill=tuple(colours[value].tolist()), outline=FRAME)
        middle = top + ROW // 2
        draw.text((MARGIN + ROW, middle), name, INK, font_for(name), anchor="lm")
        draw.text((right, middle), number, INK, font_for(number), anchor="rm")
    return picture


def font_for(text: str) -> ImageFont.FreeTypeFont:
    """Return the first font that has every character, or Pillow's own, which draws boxes for missing ones."""
    return next((font for font in _fonts() if _has(font, text)), _fonts()[0])


@cache
def _fonts() -> list[ImageFont.FreeTypeFont]:
    own = ImageFont.load_default(TEXT)
    if not isinstance(own, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType, its font cannot be scaled")
    fonts = [own]
    for name in FONTS:
        with suppress(OSError):
            fonts.append(ImageFont.truetype(name, TEXT))
    return fonts


def _has(font: ImageFont.FreeTypeFont, text: str) -> bool:
    missing = bytes(font.getmask("\uffff"))  # never a character
    return all(bytes(font.getmask(character)) != missing for character in set(text))


def _percent(share: float) -> str:
    return "< 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
