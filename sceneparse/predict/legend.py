"""A legend: each class's colour, name and share, the largest share above; below, the colours of the confidence.

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
from sceneparse.scores.palette import Colours, heat_colours

TEXT, ROW, MARGIN = 14, 24, 8  # pixels
FONTS = (  # in the system's and the user's folders of fonts, which Pillow searches
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
)
SCALE = "confidence"
BACKGROUND, INK, FRAME = "white", "black", "#808080"

Shares = tuple[tuple[int, str, float], ...]  # class number, name and share of the pixels, largest first


def class_shares(pixels: npt.NDArray[np.int64], classes: tuple[str, ...]) -> Shares:
    """Return the shares of the annotation values 0..N, given each one's pixels; value 0 is named 'other'."""
    names = ("other", *classes)
    values = [value for value in np.argsort(-pixels, kind="stable").tolist() if pixels[value]]
    return tuple((value, names[value], float(pixels[value] / pixels.sum())) for value in values)


def draw_legend(shares: Shares, colours: Colours, confidence: bool = False) -> Image.Image:
    """Draw an RGB picture, one row per class; colours: uint8 [N + 1, 3], indexed by class number.

    `confidence`: whether rows with the scale of the confidence follow.
    """
    cells = [(printable(name), _percent(share)) for _, name, share in shares]
    names, numbers = (max(round(font_for(cell[column]).getlength(cell[column])) for cell in cells) for column in (0, 1))
    right = MARGIN + ROW + names + 2 * MARGIN + numbers
    if confidence:
        right = max(right, MARGIN + round(font_for(SCALE).getlength(SCALE)))
    rows = len(shares) + (3 if confidence else 0)
    picture = Image.new("RGB", (right + MARGIN, 2 * MARGIN + ROW * rows), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    for row, ((value, _, _), (name, number)) in enumerate(zip(shares, cells, strict=True)):
        top = MARGIN + row * ROW
        box = (MARGIN, top + 3, MARGIN + ROW - 7, top + ROW - 4)
        draw.rectangle(box, fill=tuple(colours[value].tolist()), outline=FRAME)
        middle = top + ROW // 2
        draw.text((MARGIN + ROW, middle), name, INK, font_for(name), anchor="lm")
        draw.text((right, middle), number, INK, font_for(number), anchor="rm")
    if confidence:
        _draw_scale(draw, MARGIN + ROW * len(shares), right)
    return picture


def _draw_scale(draw: ImageDraw.ImageDraw, top: int, right: int) -> None:
    """Draw a title, the colours of 0 to 100 percent, and both ends' numbers, a row each."""
    title, bar, ends = (top + row * ROW + ROW // 2 for row in range(3))
    draw.text((MARGIN, title), SCALE, INK, font_for(SCALE), anchor="lm")
    colours = heat_colours()
    for x in range(MARGIN, right + 1):
        percent = round(100 * (x - MARGIN) / (right - MARGIN))
        draw.line((x, bar - ROW // 3, x, bar + ROW // 3), tuple(colours[percent].tolist()))
    for x, text, anchor in ((MARGIN, "0 %", "lm"), (right, "100 %", "rm")):
        draw.text((x, ends), text, INK, font_for(text), anchor=anchor)


def font_for(text: str, size: int = TEXT) -> ImageFont.FreeTypeFont:
    """Return the first font that has every character, or Pillow's own, which draws boxes for missing ones."""
    return next((font for font in _fonts(size) if _has(font, text)), _fonts(size)[0])


@cache
def _fonts(size: int) -> list[ImageFont.FreeTypeFont]:
    own = ImageFont.load_default(size)
    if not isinstance(own, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType, its font cannot be scaled")
    fonts = [own]
    for name in FONTS:
        with suppress(OSError):
            fonts.append(ImageFont.truetype(name, size))
    return fonts


def _has(font: ImageFont.FreeTypeFont, text: str) -> bool:
    missing = bytes(font.getmask("\uffff"))  # never a character
    return all(bytes(font.getmask(character)) != missing for character in set(text))


def _percent(share: float) -> str:
    return "< 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
