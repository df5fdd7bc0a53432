"""A pair -> its members of the zip, or the reason why it cannot be used. Runs in a worker."""

import io
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from sceneparse.convert.annotations.album import Drawn, annotate_source
from sceneparse.convert.hints import UnfitError, misfit
from sceneparse.convert.mask_legend import Legend
from sceneparse.convert.masks import Notes
from sceneparse.convert.pairing import Source
from sceneparse.dataset.images import encode_annotation
from sceneparse.dataset.pairs import DAMAGE
from sceneparse.dataset.photos import DepthError, Size, decode, picture_sizes
from sceneparse.dataset.picture_formats import read_picture

UNCHANGED = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"))  # first bytes of files that go in as they are


@dataclass(frozen=True)
class Picture:
    """A picture's member of the zip; `turned`: made upright; `lost`: kinds of LOST (photos.py) that it leaves out."""

    suffix: str
    content: bytes
    size: Size
    turned: bool
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Converted:
    """A pair's members of the zip, or its problem: a key of HINTS, and a text."""

    source: Source
    notes: Notes
    problem: tuple[str, str] | None = None
    picture: Picture | None = None
    annotation: bytes = b""


def convert_pairs(legend: Legend, tolerance: int | None, sources: tuple[Source, ...]) -> list[Converted]:
    """Read the pictures, and their masks' codes or shapes."""
    return [_convert(source, legend, tolerance) for source in sources]


def _convert(source: Source, legend: Legend, tolerance: int | None) -> Converted:
    named = source.image if isinstance(source, Drawn) else source.mask
    file, result = named, Converted(source, Notes())
    try:
        annotation, notes = annotate_source(source, legend, tolerance)
        result = Converted(source, notes)
        height, width = annotation.shape
        file = source.image
        picture = _picture(file, (width, height))
        file = named
        if picture.size != (width, height):
            text = f"{width} x {height} pixels, but {source.image} has {picture.size[0]} x {picture.size[1]}"
            raise misfit(picture.size, (width, height), text)
    except DAMAGE as error:
        kind = error.kind if isinstance(error, UnfitError) else "deep" if isinstance(error, DepthError) else "damaged"
        return replace(result, problem=(kind, f"{file}: {error}"))
    return replace(result, picture=picture, annotation=encode_annotation(Image.fromarray(annotation)))


def _picture(path: Path, annotated: Size) -> Picture:
    """Read a picture whose mask has the size `annotated`.

    JPEG and PNG stay as they are, unless the mask fits only if their EXIF turns them; then they, and all other formats,
    become PNG, with the pixels that all stages would decode.
    """
    content = read_picture(path)
    sizes = picture_sizes(content)
    turned = sizes.turned and sizes.upright == annotated
    size = sizes.stored if sizes.stored == annotated else sizes.upright
    if not turned:
        for beginning, suffix in UNCHANGED:
            if content.startswith(beginning):
                return Picture(suffix, content, size, turned)
    file, decoded = io.BytesIO(), decode(content, annotated)
    gray = decoded.mode in ("1", "L", "LA") or decoded.mode.startswith("I;16")
    (decoded.image.convert("L") if gray else decoded.image).save(file, "PNG", exif=b"")
    return Picture(".png", file.getvalue(), size, turned, decoded.lost)
