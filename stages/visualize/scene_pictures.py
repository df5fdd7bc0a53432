"""Pictures of a validation image: its scene in the gallery, with files beside the page, and its thumbnail.

Input: a row of scores, the image, RGB uint8 [H, W, 3], and annotation values, uint8 [H, W]. Output: a `Scene` or a
`Thumbnail`, whose pictures are data URLs. Invariants: a label map is scaled without new classes and stored without
loss; a thumbnail's picture has at most THUMBNAIL_BYTES.
"""

import hashlib
import io
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from sceneparse.dataset.images import Pixels
from sceneparse.params.visualize import THUMBNAIL_BYTES, Visualize
from sceneparse.report.measured import ImageRow
from sceneparse.scores.overlays import data_url, outlined, overlay, photo_url, save_label_png, shrink
from sceneparse.scores.palette import Colours

LONGEST = 512  # pixels of a picture's longer side in the report
LONGEST_ID = 200  # most bytes of an id in a file's name
# Longer side and WebP quality of thumbnails, best first: the first with a file of THUMBNAIL_BYTES counts.
THUMBNAILS = tuple(product((160, 112, 64, 32), (75, 50, 25)))


@dataclass(frozen=True)
class Scene:
    """Validation image: its scores, its pictures as data URLs, and the annotation values that occur in them."""

    id: str
    category: str
    pixel_accuracy: float | None
    mean_iou: float | None
    image: str
    truth: str
    prediction: str
    width: int
    height: int
    legend: tuple[int, ...]
    files: dict[str, str]  # full-size pictures beside the page, by kind; empty without links


@dataclass(frozen=True)
class Thumbnail:
    """Validation image with its scores and a small picture of the prediction over it, as a data URL."""

    id: str
    category: str
    pixel_accuracy: float | None
    mean_iou: float | None
    picture: str
    width: int
    height: int


def draw_scene(
    folder: Path,
    row: ImageRow,
    category: str,
    image: Pixels,
    maps: dict[str, Pixels],
    colours: Colours,
    settings: Visualize,
) -> Scene:
    """Return a scene for the page, and write its four pictures to folder/pictures. maps: truth and prediction."""
    small = shrink(image, LONGEST)  # [h, w, 3]
    small_maps = {name: shrink(values, LONGEST) for name, values in maps.items()}  # [h, w] each
    stem = _file_stem(row.id)
    files = {name: folder / f"pictures/{stem}-{name}.png" for name in ("image", *maps, "overlay")}
    stored, stored_maps = (image, maps) if settings.full_size else (small, small_maps)
    Image.fromarray(stored).save(files["image"])
    for name, values in stored_maps.items():
        save_label_png(files[name], values, colours)
    mixed = overlay(stored, stored_maps["prediction"], colours, settings.opacity)
    Image.fromarray(outlined(mixed, stored_maps["prediction"])).save(files["overlay"])

    # The legend begins with the class that covers most.
    pixels = np.bincount(np.concatenate([values.ravel() for values in small_maps.values()]), minlength=len(colours))
    legend = tuple(value for value in np.argsort(-pixels, kind="stable").tolist() if pixels[value])
    return Scene(
        id=row.id,
        category=category,
        pixel_accuracy=row.pixel_accuracy,
        mean_iou=row.mean_iou,
        image=photo_url(small),
        truth=_label_url(small_maps["truth"], colours),
        prediction=_label_url(small_maps["prediction"], colours),
        width=small.shape[1],
        height=small.shape[0],
        legend=legend,
        files={name: f"pictures/{path.name}" for name, path in files.items()} if settings.full_size else {},
    )


def draw_thumbnail(
    row: ImageRow, category: str, image: Pixels, prediction: Pixels, colours: Colours, settings: Visualize
) -> Thumbnail:
    """Return an image's row of the table of all scenes."""
    for longest, quality in THUMBNAILS:
        small = shrink(image, longest)
        file = io.BytesIO()
        mixed = overlay(small, shrink(prediction, longest), colours, settings.opacity)
        Image.fromarray(mixed).save(file, "WEBP", quality=quality, method=4)
        if file.tell() <= THUMBNAIL_BYTES:
            break
    return Thumbnail(
        id=row.id,
        category=category,
        pixel_accuracy=row.pixel_accuracy,
        mean_iou=row.mean_iou,
        picture=data_url("image/webp", file.getvalue()),
        width=small.shape[1],
        height=small.shape[0],
    )


def _label_url(values: Pixels, colours: Colours) -> str:
    file = io.BytesIO()
    save_label_png(file, values, colours)
    return data_url("image/png", file.getvalue())


def _file_stem(id: str) -> str:
    """Return the start of a scene's file names: its id, shortened where disks would not take it."""
    if len(id.encode()) <= LONGEST_ID:
        return id
    digest = hashlib.sha256(id.encode()).hexdigest()[:12]
    return id.encode()[:LONGEST_ID].decode(errors="ignore") + f"~{digest}"
