"""convert: pictures, and masks or files of annotation tools -> a zip in ADE20K's layout.

Input: two folders, or one that holds both, a class table, and how to split. Output: the zip, and what `check` says of
it. Invariants: the same input gives the same bytes; the zip is there only when all of the input could be used and the
check found no error; memory does not grow with the number of pictures.
"""

import io
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from sceneparse.convert.annotations.album import Drawn, annotate_source
from sceneparse.convert.annotations.gather import Wishes, gather
from sceneparse.convert.check import print_params, print_report
from sceneparse.convert.hints import UnfitError, misfit
from sceneparse.convert.inspection import inspect
from sceneparse.convert.mask_legend import Legend
from sceneparse.convert.masks import Notes
from sceneparse.convert.pairing import Source
from sceneparse.convert.splitting import Splitting, deal_out
from sceneparse.convert.stratified import find_classes
from sceneparse.convert.tally import Tally
from sceneparse.core.errors import InputError
from sceneparse.core.files import add_member, atomic_write
from sceneparse.core.listing import files_below
from sceneparse.core.parallel import in_parallel
from sceneparse.core.tables import print_line
from sceneparse.dataset.archive import CLASS_TABLE
from sceneparse.dataset.images import encode_annotation
from sceneparse.dataset.pairs import DAMAGE
from sceneparse.dataset.photos import DepthError, Size, decode, picture_sizes
from sceneparse.dataset.suffixes import ignored_pictures, listed

CHUNK = 2  # pairs per task: their pictures are in memory
AS_THEY_ARE = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"))  # how files begin that go in as they are


class Picture(NamedTuple):
    """A picture as it goes into the zip; whether it was turned upright, and what was left out (kinds of LOST)."""

    suffix: str
    content: bytes
    size: Size
    turned: bool
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Converted:
    """A pair as it goes into the zip, or what is wrong with it: its kind, as in HINTS, and what it is."""

    source: Source
    notes: Notes
    picture: Picture | None = None
    annotation: bytes = b""
    problem: tuple[str, str] | None = None


def convert(
    images: Path,
    masks: Path | None,
    classes: Path | None,
    out: Path,
    image_suffix: str,
    mask_suffix: str,
    by: str | None,
    ignore: Sequence[str] | None,
    background: str | None,
    unknown: str,
    tolerance: int | None,
    unpaired: str,
    lists: Sequence[Path] | None,
    share: float | None,
    folders: Sequence[str] | None,
    seed: int,
    batch_size: int,
) -> None:
    """Write `out`, print what became of the input, and what there is to say about the result. Raises InputError."""
    try:
        if out.is_dir():  # which atomic_write would notice when all is done
            raise _unwritable(out, "a folder")
        masks = images if masks is None else masks
        may_lack = unknown == "ignore", unpaired == "skip" or bool(lists), tolerance is not None
        wishes = Wishes(images, masks, classes, image_suffix, mask_suffix, by, ignore, background, *may_lack)
        legend, pairs, alone, lines = gather(wishes)
        for line in lines:
            print_line(line)
        splits, left = deal_out(
            pairs,
            Splitting(lists, share, folders, seed),
            images,
            image_suffix,
            classes=lambda: find_classes(pairs, legend, tolerance),
        )
        with atomic_write(out) as file:
            with zipfile.ZipFile(file, "w") as archive:
                tally = Tally(legend, tolerance, ignored=unknown == "ignore", agree=by is None)
                _write(archive, splits, legend, tolerance, tally)
                tally.check(
                    f"{images} and {masks}", f"a picture and a mask of its size, with the table's {legend.codes_are}"
                )
                add_member(archive, CLASS_TABLE, legend.table())
            file.flush()
            report = inspect(Path(file.name), batch_size)
            _say(images, alone, left, tally)
            print_report(report)
            if not report.usable:
                print()
                print_line(f"{out} is not written: mend the errors, then run again")
                sys.exit(1)
    except OSError as error:
        raise _unwritable(out, str(error)) from None
    print_params(out)


def _unwritable(out: Path, got: str) -> InputError:
    return InputError(
        "the dataset cannot be written",
        expected="a file name in a folder to write to",
        got=got,
        file=out,
        next_step="name another file with --out",
    )


def _write(
    archive: zipfile.ZipFile, splits: dict[str, list[Source]], legend: Legend, tolerance: int | None, tally: Tally
) -> None:
    """Write all pairs, as long as all can be used."""
    for split, sources in splits.items():
        convert_some: Callable[[tuple[Source, ...]], list[Converted]] = partial(convert_pairs, legend, tolerance)
        for some in in_parallel(convert_some, sources, CHUNK, f"convert {split}"):
            for pair in some:
                turned, lost = (pair.picture.turned, pair.picture.lost) if pair.picture else (False, ())
                tally.add(pair.source, pair.notes, turned=turned, lost=lost)
                if pair.problem:
                    tally.fail(*pair.problem)
                elif pair.picture and tally.usable:
                    add_member(archive, f"annotations/{split}/{pair.source.id}.png", pair.annotation)
                    add_member(archive, f"images/{split}/{pair.source.id}{pair.picture.suffix}", pair.picture.content)


def convert_pairs(legend: Legend, tolerance: int | None, sources: tuple[Source, ...]) -> list[Converted]:
    """Read the pairs and their masks' codes."""
    converted = []
    for source in sources:
        named = source.image if isinstance(source, Drawn) else source.mask
        at, notes, problem = named, Notes(), None
        try:
            annotation, notes = annotate_source(source, legend, tolerance)
            height, width = annotation.shape
            at = source.image
            picture = _picture(at, (width, height))
            at = named
            if picture.size != (width, height):
                text = f"{width} x {height} pixels, but {source.image} has {picture.size[0]} x {picture.size[1]}"
                raise misfit(picture.size, (width, height), text)
        except UnfitError as error:
            problem = error.kind, f"{at}: {error}"
        except DepthError as error:
            problem = "deep", f"{at}: {error}"
        except DAMAGE as error:
            problem = "damaged", f"{at}: {error}"
        if problem:
            converted.append(Converted(source, notes, problem=problem))
        else:
            png = encode_annotation(Image.fromarray(annotation))
            converted.append(Converted(source, notes, picture, png))
    return converted


def _picture(path: Path, beside: Size) -> Picture:
    """Read a picture whose mask has the size `beside`.

    JPEG and PNG stay as they are, unless the mask fits them only, or also, as their EXIF turns them; these and all
    others become PNG, with the pixels that all stages would decode.
    """
    content = path.read_bytes()
    sizes = picture_sizes(content)
    turned = sizes.turned and sizes.upright == beside
    size = sizes.stored if sizes.stored == beside else sizes.upright
    if not turned:
        for beginning, suffix in AS_THEY_ARE:
            if content.startswith(beginning):
                return Picture(suffix, content, size, turned, ())
    file, decoded = io.BytesIO(), decode(content, beside)
    gray = decoded.mode in ("1", "L", "LA") or decoded.mode.startswith("I;16")
    (decoded.image.convert("L") if gray else decoded.image).save(file, "PNG", exif=b"")
    return Picture(".png", file.getvalue(), size, turned, decoded.lost)


def _say(images: Path, alone: list[Path], left: int, tally: Tally) -> None:
    counts = ((len(alone), "files have no partner"), (left, "pairs are in neither split"))
    lines = [f"{count} {what}: left out" for count, what in counts if count]
    if ignored := ignored_pictures(files_below(images, [])):
        lines.append(f"ignored, as they cannot be read: {listed(ignored)}")
    for line in [*lines, *tally.lines()]:
        print_line(line)
    print()
