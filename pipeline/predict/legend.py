"""A legend: each class's colour, name and share, the largest share above.

Input: what a picture shows, and colours. Output: a picture of as many rows. Invariant: colours are the very ones of
labels and overlay at opacity 1, and nothing but the shares and the colours goes in.
"""

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from stages.score.palette import Colours

if TYPE_CHECKING:
    from pipeline.predict.outputs import Shares

TEXT, ROW, MARGIN = 14, 24, 8  # pixels
BACKGROUND, INK, FRAME = "white", "black", "#808080"


def draw_legend(shares: "Shares", colours: Colours) -> Image.Image:
    """RGB, one row per class; colours: uint8 [N + 1, 3], indexed by class number."""
    font = ImageFont.load_default(TEXT)
    cells = [(name, _percent(share)) for _, name, share in shares]
    names, numbers = (max(round(font.getlength(cell[column])) for cell in cells) for column in (0, 1))
    right = MARGIN + ROW + names + 2 * MARGIN + numbers
    picture = Image.new("RGB", (right + MARGIN, 2 * MARGIN + ROW * len(shares)), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    for row, ((value, _, _), (name, number)) in enumerate(zip(shares, cells, strict=True)):
        top = MARGIN + row * ROW
        box = (MARGIN, top + 3, MARGIN + ROW - 7, top + ROW - 4)
        draw.rectangle(box, fill=tuple(colours[value].tolist()), outline=FRAME)
        middle = top + ROW // 2
        draw.text((MARGIN + ROW, middle), name, INK, font, anchor="lm")
        draw.text((right, middle), number, INK, font, anchor="rm")
    return picture


def _percent(share: float) -> str:
    return "< 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
