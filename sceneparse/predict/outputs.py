"""Files that `predict` writes for a picture: its labels, an overlay, a legend and, if asked for, its confidence.

Input: a picture and its labels. Output, at the picture's own upright size: NAME.png, a palette PNG whose indices
are annotation values 1..N, NAME_overlay.jpg, and NAME_confidence.png, a palette PNG whose indices are percent; beside
them NAME_legend.png, each class's colour, name and share.
Invariant: a file exists whole or not at all; none is written twice, or over a source.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sceneparse.core.errors import InputError
from sceneparse.core.files import atomic_write
from sceneparse.dataset.images import Pixels
from sceneparse.inference.views import Described, Labels
from sceneparse.predict.drawing import Look, draw_overlay
from sceneparse.predict.inputs import Source
from sceneparse.predict.legend import Shares, class_shares, draw_legend
from sceneparse.scores.overlays import save_label_png
from sceneparse.scores.palette import heat_colours

JPEG_QUALITY = 90
ENDS = {"labels": ".png", "overlay": "_overlay.jpg", "legend": "_legend.png", "confidence": "_confidence.png"}
MOST_PROBLEMS = 10  # in an error
VIDEO_ENDS = {"overlay": "_overlay.mp4", "legend": "_legend.png"}


@dataclass(frozen=True)
class Prediction:
    """Paths of the results, and shares of classes; `size` is width and height."""

    files: dict[str, Path]
    size: tuple[int, int]
    shares: Shares

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            **{kind: str(path) for kind, path in self.files.items()},
            "width": self.size[0],
            "height": self.size[1],
            "shares": [{"class_id": value, "name": name, "share": share} for value, name, share in self.shares],
        }


def target_files(source: Source, out: Path, confidence: bool = False) -> dict[str, Path]:
    """Return the paths of a source's results, by kind; `confidence`: whether a picture's is among them."""
    ends = VIDEO_ENDS if source.kind == "video" else ENDS
    stem = out / source.stem
    return {
        kind: stem.with_name(f"{stem.name}{end}") for kind, end in ends.items() if confidence or kind != "confidence"
    }


def check_targets(sources: Iterable[Source], out: Path, confidence: bool = False) -> None:
    """Raise InputError if two results would have one path, or a result would replace a source."""
    sources = list(sources)
    paths = {source.name: Path(source.name) for source in sources if source.kind in ("picture", "video")}
    # A link may lead nowhere: reading it refuses it later.
    inputs = {_identity(path): name for name, path in paths.items() if path.exists()}
    taken: dict[Path, str] = {}
    problems = []
    for source in sources:
        for path in target_files(source, out, confidence).values():
            if path in taken:
                problems.append(f"{path} would come from both {taken[path]} and {source.name}")
            taken.setdefault(path, source.name)
            if path.exists() and (original := inputs.get(_identity(path))):
                problems.append(f"{path} is {original} itself, which a result would replace")
    if problems:
        more = [f"... and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        raise InputError(
            "the predictions cannot be written",
            expected="results of different names, none of them that of a picture",
            got="\n    ".join(["", *problems[:MOST_PROBLEMS], *more]),
            file=out,
            next_step="name another folder with --out, or label sources of one name in separate runs",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, str(error)) from None


def save_prediction(parser: Described, image: Pixels, labels: Labels, files: dict[str, Path], look: Look) -> Prediction:
    """Write the files of a picture, RGB uint8 [H, W, 3], and its labels. Raises InputError."""
    annotation, confidence = labels
    pixels = np.bincount(annotation.ravel(), minlength=1 + len(parser.classes))
    shares = class_shares(pixels, parser.classes)
    drawn = Image.fromarray(draw_overlay(image, annotation, parser.classes, parser.colours, look))
    try:
        with atomic_write(files["labels"]) as file:
            save_label_png(file, annotation, parser.colours)
        with atomic_write(files["overlay"]) as file:
            # JPEG: a PNG would be several times larger. Full chroma keeps edges.
            drawn.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        save_legend(files["legend"], parser, shares, confidence is not None)
        if confidence is not None:
            with atomic_write(files["confidence"]) as file:
                save_label_png(file, confidence, heat_colours())
    except OSError as error:
        raise unwritable(files["labels"].parent, str(error)) from None
    return Prediction(files, drawn.size, shares)


def save_legend(path: Path, parser: Described, shares: Shares, confidence: bool = False) -> None:
    """Write a legend of these classes, and of the confidence."""
    with atomic_write(path) as file:
        draw_legend(shares, parser.colours, confidence).save(file, "PNG")


def unwritable(out: Path, got: str) -> InputError:
    """Return the error about a folder that takes no results."""
    return InputError(
        "the predictions cannot be written",
        expected="a folder to write to, and names that its disk accepts",
        got=got,
        file=out,
        next_step="name another folder with --out, or give the picture another name",
    )


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
