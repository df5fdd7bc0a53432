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

from PIL import Image, UnidentifiedImageError

from pipeline.own_data.annotations.album import Drawn, annotate_source
from pipeline.own_data.annotations.gather import Wishes, gather
from pipeline.own_data.check import print_params, print_report
from pipeline.own_data.drawing import find_classes
from pipeline.own_data.hints import UnfitError, misfit
from pipeline.own_data.inspection import inspect
from pipeline.own_data.legend import Legend
from pipeline.own_data.masks import Notes
from pipeline.own_data.pairing import Source
from pipeline.own_data.splitting import Splitting, deal_out
from pipeline.own_data.tally import Tally
from pipeline.own_data.upright import turn_for
from pipeline.own_data.workers import in_parallel
from stages.data.archive import CLASS_TABLE
from stages.data.checks import DAMAGE
from stages.data.images import encode_annotation
from stages.errors import InputError
from stages.files import add_member, atomic_write

CHUNK = 2  # pairs per task: their pictures are in memory
SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png"}  # formats that go in as they are
MODES = {"1": "L", "L": "L"}  # of others, that become PNG


@dataclass(frozen=True)
class Converted:
    """A pair as it goes into the zip, or what is wrong with it: its kind, as in HINTS, and what it is."""

    source: Source
    suffix: str
    image: bytes
    annotation: bytes
    notes: Notes
    turned: bool
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
        print("".join(f"{line}\n" for line in lines), end="")
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
            _say(alone, left, tally)
            print_report(report)
            if not report.usable:
                print(f"\n{out} is not written: mend the errors, then run again")
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
                tally.add(pair.source, pair.notes, turned=pair.turned)
                if pair.problem:
                    tally.fail(*pair.problem)
                elif tally.usable:
                    add_member(archive, f"annotations/{split}/{pair.source.id}.png", pair.annotation)
                    add_member(archive, f"images/{split}/{pair.source.id}{pair.suffix}", pair.image)


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
            suffix, image, size, turned = _picture(at, (width, height))
            at = named
            if size != (width, height):
                text = f"{width} x {height} pixels, but {source.image} has {size[0]} x {size[1]}"
                raise misfit(size, (width, height), text)
        except UnfitError as error:
            problem = error.kind, f"{at}: {error}"
        except UnidentifiedImageError:  # its message may name an object in memory
            problem = "damaged", f"{at}: not a picture of a known format"
        except (*DAMAGE, Image.DecompressionBombError) as error:
            problem = "damaged", f"{at}: {error}"
        if problem:
            converted.append(Converted(source, "", b"", b"", notes, turned=False, problem=problem))
        else:
            png = encode_annotation(Image.fromarray(annotation))
            converted.append(Converted(source, suffix, image, png, notes, turned))
    return converted


def _picture(path: Path, size: tuple[int, int]) -> tuple[str, bytes, tuple[int, int], bool]:
    """Suffix, content, size, and whether it was turned upright to fit a mask of `size`.

    JPEG and PNG as they are, others and those that are turned as PNG, which loses nothing.
    """
    content = path.read_bytes()
    with Image.open(io.BytesIO(content)) as picture:
        if picture.mode.startswith("I") or picture.mode == "F":
            raise UnfitError("deep", f"a picture of more than 8 bits a sample (mode {picture.mode})")
        turn = turn_for(picture, size)
        if turn is None and picture.format in SUFFIXES:
            return SUFFIXES[picture.format], content, picture.size, False
        pixels = picture.convert(MODES.get(picture.mode, "RGB"))
    if turn is not None:
        pixels = pixels.transpose(turn)
    file = io.BytesIO()
    pixels.save(file, "PNG", exif=b"")
    return ".png", file.getvalue(), pixels.size, turn is not None


def _say(alone: list[Path], left: int, tally: Tally) -> None:
    counts = ((len(alone), "files have no partner"), (left, "pairs are in neither split"))
    lines = [f"{count} {what}: left out" for count, what in counts if count]
    print("".join(f"{line}\n" for line in [*lines, *tally.lines()]))
