"""predict: a trained model and a picture -> its labels, an overlay to look at, and what it shows.

Input: any picture that stages/data/photos.py reads. Output, in a folder, at the picture's own upright size:
NAME.png, a palette PNG whose indices are annotation values 1..N, and NAME_overlay.jpg. Invariant: a file is
there whole or not at all, and classes, colours and preprocessing are those of the model's card.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pipeline.tables import print_table
from stages.data.images import Pixels
from stages.data.photos import FORMATS, decode_photo
from stages.errors import InputError
from stages.files import atomic_write
from stages.score.pictures import overlay, save_label_png

if TYPE_CHECKING:
    from stages.model.inference import SceneParser

JPEG_QUALITY = 90


@dataclass(frozen=True)
class Prediction:
    """Where a picture's results are, and what it shows: class number, name and share, largest first."""

    labels: Path
    overlay: Path
    shares: tuple[tuple[int, str, float], ...]


def predict(picture: Path, model: Path, card: Path | None, out: Path, opacity: float) -> None:
    """Label one picture; print what it shows and where its files are.

    Without `card`, the one beside the model counts, if there is one.
    """
    image = read_picture(picture)
    labels, beside = out / f"{picture.stem}.png", model.with_suffix(".json")
    if labels.exists() and labels.samefile(picture):
        raise _unwritable(out, f"{picture} itself, whose place the labels would take")

    # From here on TensorFlow is needed.
    from stages.model.inference import SceneParser

    parser = SceneParser.load(model, card or (beside if beside.exists() else None))
    prediction = save_prediction(parser, image, out / picture.stem, opacity)
    print_table(["class_id", "name", "share"], prediction.shares)
    print(f"\nlabels:  {prediction.labels}\noverlay: {prediction.overlay}")


def read_picture(path: Path) -> Pixels:
    """A picture file as RGB, uint8 [H, W, 3]."""
    try:
        return decode_photo(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            "the picture cannot be read",
            expected=f"a picture, one of {', '.join(FORMATS)}",
            got=str(error),
            file=path,
            next_step="name a picture file; open a damaged, very large or other one in a viewer and save it anew",
        ) from None


def save_prediction(parser: "SceneParser", image: Pixels, stem: Path, opacity: float) -> Prediction:
    """Label an RGB picture, uint8 [H, W, 3], and write both files of the name `stem`."""
    annotation = parser.annotate(image)  # [H, W]
    mixed = Image.fromarray(overlay(image, annotation, parser.colours, opacity))
    labels, laid_over = (stem.with_name(f"{stem.name}{end}") for end in (".png", "_overlay.jpg"))
    try:
        with atomic_write(labels) as file:
            save_label_png(file, annotation, parser.colours)
        with atomic_write(laid_over) as file:
            # A JPEG, as it is only to look at, and a PNG would be several times larger. Full chroma keeps edges.
            mixed.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    except OSError as error:
        raise _unwritable(stem.parent, str(error)) from None
    pixels = np.bincount(annotation.ravel(), minlength=1 + len(parser.classes))
    values = [value for value in np.argsort(-pixels, kind="stable").tolist() if pixels[value]]
    shares = ((value, parser.classes[value - 1], float(pixels[value]) / annotation.size) for value in values)
    return Prediction(labels, laid_over, tuple(shares))


def _unwritable(out: Path, got: str) -> InputError:
    return InputError(
        "the predictions cannot be written",
        expected="a folder to write to",
        got=got,
        file=out,
        next_step="name another folder with --out",
    )
