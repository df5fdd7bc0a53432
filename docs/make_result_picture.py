"""docs/images/result.jpg: validation scenes of the last run, in columns with headings, and a legend below.

python docs/make_result_picture.py [ID ...]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from sceneparse import load_parser
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.pairs import open_pair
from sceneparse.scores.overlays import colorize, outlined, overlay

ROOT = Path(__file__).parents[1]
COLUMNS = ("picture", "truth", "prediction", "overlay")
WIDTH, HEIGHT, GAP, HEADING = 240, 168, 8, 34
SQUARE, LINE = 18, 30  # pixels of the legend
FONT = ImageFont.load_default(17)


def cell(pixels: Pixels, smooth: bool) -> Image.Image:
    """Return a picture that fills a cell."""
    resampling = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return ImageOps.fit(Image.fromarray(pixels), (WIDTH, HEIGHT), resampling)


def draw_legend(sheet: Image.Image, top: int, names: tuple[str, ...], colours: Pixels) -> int:
    """Draw a square and a name for each class, in lines from `top` on; return where they end."""
    draw, left = ImageDraw.Draw(sheet), GAP
    for name, colour in zip(names, colours, strict=True):
        needed = SQUARE + 8 + round(FONT.getlength(name)) + 22
        if left + needed > sheet.width:
            left, top = GAP, top + LINE
        draw.rectangle((left, top + 6, left + SQUARE, top + 6 + SQUARE), tuple(colour.tolist()), "#888888")
        draw.text((left + SQUARE + 8, top + 6 + SQUARE / 2), name, "#222222", FONT, "lm")
        left += needed
    return top + LINE


def main() -> None:
    """Draw the scenes that are named, or the first four."""
    parser = load_parser(ROOT / "models/fcn8s.keras")
    with Archive(ROOT / "data/raw/dataset.zip") as archive:
        pairs = {pair.id: pair for pair in archive.pairs("validation")}
        opened = [open_pair(archive, pairs[id]) for id in sys.argv[1:] or [*pairs][:4]]
        scenes = [(np.asarray(image.convert("RGB")), np.asarray(truth)) for image, truth in opened]
    sheet = Image.new("RGB", (len(COLUMNS) * (WIDTH + GAP) - GAP, 2000), "white")
    for column, heading in enumerate(COLUMNS):
        middle = column * (WIDTH + GAP) + WIDTH / 2
        ImageDraw.Draw(sheet).text((middle, HEADING / 2), heading, "#222222", FONT, "mm")
    top, shown = HEADING, set[int]()
    for image, truth in scenes:
        predicted = parser.annotate(image)
        drawn = outlined(overlay(image, predicted, parser.colours, opacity=0.6), predicted)
        flat = [colorize(annotation, parser.colours) for annotation in (truth, predicted)]
        row = [cell(image, True), *(cell(pixels, False) for pixels in flat), cell(drawn, True)]
        for column, picture in enumerate(row):
            sheet.paste(picture, (column * (WIDTH + GAP), top))
        top += HEIGHT + GAP
        shown |= {*np.unique(truth).tolist(), *np.unique(predicted).tolist()}
    values = sorted(shown)
    names = tuple("other (not scored)" if value == 0 else parser.classes[value - 1] for value in values)
    bottom = draw_legend(sheet, top, names, parser.colours[values])
    sheet.crop((0, 0, sheet.width, bottom + GAP)).save(ROOT / "docs/images/result.jpg", quality=88)


if __name__ == "__main__":
    main()
