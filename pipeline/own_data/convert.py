"""convert: folders of pictures and masks -> a zip in ADE20K's layout.

Input: two folders, a class table, and how to split. Output: the zip, and what `check` says of it. Invariants: the
same input gives the same bytes; the zip is there only when all of the input could be used and the check found no
error; memory does not grow with the number of pictures.
"""

import io
import os
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from pipeline.own_data.check import print_params, print_report
from pipeline.own_data.inspection import inspect
from pipeline.own_data.legend import Legend, read_legend
from pipeline.own_data.masks import annotate
from pipeline.own_data.pairing import IMAGES, Source, find_pairs
from pipeline.own_data.splitting import Splitting, deal_out
from pipeline.own_data.unknown import Unknown
from pipeline.own_data.workers import in_parallel
from pipeline.tables import print_line
from stages.data.archive import CLASS_TABLE
from stages.data.checks import DAMAGE
from stages.data.images import encode_annotation
from stages.data.photos import LOST, Size, decode, picture_sizes
from stages.data.suffixes import ignored_pictures, listed
from stages.errors import InputError
from stages.files import add_member, atomic_write

CHUNK = 2  # pairs per task: their pictures are in memory
AS_THEY_ARE = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"))  # how files begin that go in as they are


@dataclass(frozen=True)
class Converted:
    """A pair as it goes into the zip, or what is wrong with it; `unknown`: pixels by code; `lost`: kinds of LOST."""

    source: Source
    suffix: str
    image: bytes
    annotation: bytes
    unknown: dict[int, int]
    problem: str | None = None
    lost: tuple[str, ...] = ()


def convert(
    images: Path,
    masks: Path,
    classes: Path,
    out: Path,
    image_suffix: str,
    mask_suffix: str,
    by: str | None,
    ignore: Sequence[str] | None,
    unknown: str,
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
        legend = read_legend(classes, by, ignore)
        pairs, alone = find_pairs(images, masks, image_suffix, mask_suffix, unpaired == "skip" or bool(lists))
        splits, left = deal_out(pairs, Splitting(lists, share, folders, seed), images, image_suffix)
        with atomic_write(out) as file:
            with zipfile.ZipFile(file, "w") as archive:
                lost: Counter[str] = Counter()
                zeroed = _write(archive, splits, legend, unknown == "ignore", f"{images} and {masks}", lost)
                add_member(archive, CLASS_TABLE, legend.table())
            file.flush()
            report = inspect(Path(file.name), batch_size)
            _say(alone, left, zeroed, legend)
            _say_of_pictures(images, lost)
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
    archive: zipfile.ZipFile,
    splits: dict[str, list[Source]],
    legend: Legend,
    ignored: bool,
    where: str,
    lost: Counter[str],
) -> Unknown:
    """All pairs; raises InputError that lists every one that cannot be used. Returns what became 0.

    `lost` counts pictures by what was left out of them.
    """
    problems: list[str] = []
    found = Unknown()
    for split, sources in splits.items():
        convert_some: Callable[[tuple[Source, ...]], list[Converted]] = partial(convert_pairs, legend)
        for some in in_parallel(convert_some, sources, CHUNK, f"convert {split}"):
            for one in some:
                found.add(one.source.mask, one.unknown)
                lost.update(one.lost)
                if one.problem:
                    problems.append(one.problem)
                elif not problems and (ignored or not found):
                    add_member(archive, f"annotations/{split}/{one.source.id}.png", one.annotation)
                    add_member(archive, f"images/{split}/{one.source.id}{one.suffix}", one.image)
    if found and not ignored:
        problems += found.lines(legend)
    if problems:
        raise InputError(
            "not all pairs can be used",
            expected="a picture and a mask of its size, with the class table's "
            + ("colours" if legend.by_colour else "values"),
            got="\n    ".join(["", *problems]),
            file=where,
            next_step="mend what is named; unknown ones go into the class table, or say --unknown ignore",
        )
    return found


def convert_pairs(legend: Legend, sources: tuple[Source, ...]) -> list[Converted]:
    """Read the pairs and their masks' codes."""
    converted = []
    for source in sources:
        at = source.mask
        try:
            annotation, unknown = annotate(at, legend)
            masked = annotation.shape[1], annotation.shape[0]
            at = source.image
            suffix, image, sizes, lost = _picture(at, masked)
            at = source.mask
            if masked not in sizes:
                shown = [f"{width} x {height}" for width, height in (sizes[0], masked)]
                raise ValueError(f"{shown[1]} pixels, but {source.image} has {shown[0]}")
        except UnidentifiedImageError:  # its message may name an object in memory
            converted.append(Converted(source, "", b"", b"", {}, f"{at}: not a picture of a known format"))
        except (*DAMAGE, Image.DecompressionBombError) as error:
            converted.append(Converted(source, "", b"", b"", {}, f"{at}: {error}"))
        else:
            png = encode_annotation(Image.fromarray(annotation))
            converted.append(Converted(source, suffix, image, png, unknown, lost=lost))
    return converted


def _picture(path: Path, beside: Size) -> tuple[str, bytes, tuple[Size, Size], tuple[str, ...]]:
    """Suffix, content, sizes upright and as stored, and what was left out.

    JPEG and PNG stay as they are; others become PNG as all stages would decode them.
    """
    content = path.read_bytes()
    stored, upright, _ = picture_sizes(content)
    for beginning, suffix in AS_THEY_ARE:
        if content.startswith(beginning):
            return suffix, content, (upright, stored), ()
    file, decoded = io.BytesIO(), decode(content, beside)
    gray = decoded.mode in ("1", "L", "LA") or decoded.mode.startswith("I;16")
    (decoded.image.convert("L") if gray else decoded.image).save(file, "PNG")
    return ".png", file.getvalue(), (upright, stored), decoded.lost


def _say_of_pictures(images: Path, lost: Counter[str]) -> None:
    """What was left out of pictures that became PNG, and pictures that are not read: counted."""
    ignored = ignored_pictures((name for _, _, names in os.walk(images) for name in names), IMAGES)
    if ignored:
        print(f"ignored, as they cannot be read: {listed(ignored)}")
    for kind, count in sorted(lost.items()):
        print(f"{count} pictures: {LOST[kind]}")


def _say(alone: list[Path], left: int, zeroed: Unknown, legend: Legend) -> None:
    counts = ((len(alone), "files have no partner"), (left, "pairs are in neither split"))
    lines = [f"{count} {what}: left out" for count, what in counts if count]
    lines += [f"unknown, became 0: {line}" for line in zeroed.lines(legend)]
    for line in lines:
        print_line(line)
    print()
