"""docs/images/result.jpg: four scenes of the last report, image | truth | prediction | overlay in each row.

python docs/make_result_picture.py [ID ...]
"""

import sys
from pathlib import Path

from PIL import Image, ImageOps

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "report/pictures"
KINDS = ("image", "truth", "prediction", "overlay")
WIDTH, HEIGHT, GAP = 240, 168, 8


def main() -> None:
    ids = sys.argv[1:] or sorted({path.stem.rpartition("-")[0] for path in PICTURES.glob("*-image.png")})[:4]
    size = (len(KINDS) * (WIDTH + GAP) - GAP, len(ids) * (HEIGHT + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    for row, id in enumerate(ids):
        for column, kind in enumerate(KINDS):
            with Image.open(PICTURES / f"{id}-{kind}.png", formats=["PNG"]) as picture:
                resampling = Image.Resampling.NEAREST if kind in ("truth", "prediction") else Image.Resampling.BICUBIC
                resized = ImageOps.fit(picture.convert("RGB"), (WIDTH, HEIGHT), resampling)
            sheet.paste(resized, (column * (WIDTH + GAP), row * (HEIGHT + GAP)))
    target = ROOT / "docs/images/result.jpg"
    target.parent.mkdir(exist_ok=True)
    sheet.save(target, quality=90)


if __name__ == "__main__":
    main()
