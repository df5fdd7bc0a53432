"""Files that `predict` writes for a picture: its labels, an overlay, and a legend.

Input: a picture and its annotation. Output, at the picture's own upright size: NAME.png, a palette PNG whose indices
are annotation values 1..N, and NAME_overlay.jpg; beside them NAME_legend.png, each class's colour, name and share.
Invariant: a file exists whole or not at all; none is written twice, or over a source.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from sceneparse.core.errors import InputError
from sceneparse.core.files import atomic_write
from sceneparse.dataset.images import Pixels
from sceneparse.predict.inputs import Source
from sceneparse.predict.legend import Shares, class_shares, draw_legend
from sceneparse.scores.overlays import overlay, save_label_png

if TYPE_CHECKING:
    from sceneparse.inference.parser import SceneParser

JPEG_QUALITY = 90
ENDS = {"labels": ".png", "overlay": "_overlay.jpg", "legend": "_legend.png"}
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


def target_files(source: Source, out: Path) -> dict[str, Path]:
    """Return the paths of a source's results, by kind."""
    ends = VIDEO_ENDS if source.kind == "video" else ENDS
    stem = out / source.stem
    return {kind: stem.with_name(f"{stem.name}{end}") for kind, end in ends.items()}


def check_targets(sources: Iterable[Source], out: Path) -> None:
    """Raise InputError if two results would have one path, or a result would replace a source."""
    sources = list(sources)
    paths = {source.name: Path(source.name) for source in sources if source.kind in ("picture", "video")}
    # A link may lead nowhere: reading it refuses it later.
    inputs = {_identity(path): name for name, path in paths.items() if path.exists()}
    taken: dict[Path, str] = {}
    problems = []
    for source in sources:
        for path in target_files(source, out).values():
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


def save_prediction(
    parser: "SceneParser", image: Pixels, annotation: Pixels, files: dict[str, Path], opacity: float
) -> Prediction:
    """Write the files of a picture, RGB uint8 [H, W, 3], and its annotation, uint8 [H, W]. Raises InputError."""
    pixels = np.bincount(annotation.ravel(), minlength=1 + len(parser.classes))
    shares = class_shares(pixels, parser.classes)
    mixed = Image.fromarray(overlay(image, annotation, parser.colours, opacity))
    try:
        with atomic_write(files["labels"]) as file:
            save_label_png(file, annotation, parser.colours)
        with atomic_write(files["overlay"]) as file:
            # JPEG: a PNG would be several times larger. Full chroma keeps edges.
            mixed.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        save_legend(files["legend"], parser, shares)
    except OSError as error:
        raise unwritable(files["labels"].parent, str(error)) from None
    return Prediction(files, mixed.size, shares)


def save_legend(path: Path, parser: "SceneParser", shares: Shares) -> None:
    """Write a legend of these classes."""
    with atomic_write(path) as file:
        draw_legend(shares, parser.colours).save(file, "PNG")


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
