"""convert: pictures, and masks or files of annotation tools -> a zip in ADE20K's layout.

Input: two folders, or one that holds both, a class table, and how to split. Output: the zip, and what `check` says
about it. Invariants: equal input gives equal bytes; the zip exists only if all of the input could be used and the check
passed without an error; memory does not grow with the number of pictures.
"""

import sys
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from sceneparse.convert.annotations.gather import gather
from sceneparse.convert.check import print_params, print_report
from sceneparse.convert.convert_options import ConvertOptions
from sceneparse.convert.inspection import inspect
from sceneparse.convert.mask_legend import Legend
from sceneparse.convert.pair_conversion import Converted, convert_pairs
from sceneparse.convert.pairing import Source
from sceneparse.convert.splitting import Splitting, split_pairs
from sceneparse.convert.stratified import find_classes
from sceneparse.convert.tally import Tally
from sceneparse.core.errors import InputError
from sceneparse.core.files import add_member, atomic_write
from sceneparse.core.listing import files_below
from sceneparse.core.parallel import in_parallel
from sceneparse.core.tables import print_line
from sceneparse.dataset.archive import CLASS_TABLE
from sceneparse.dataset.suffixes import ignored_pictures, listed

CHUNK = 2  # pairs per task: their pictures are in memory


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
    """Write `out`; print what happened to the input, and the check of the result. Raises InputError."""
    masks = images if masks is None else masks
    allowed = unknown == "ignore", unpaired == "skip" or bool(lists), tolerance is not None
    options = ConvertOptions(images, masks, classes, image_suffix, mask_suffix, by, ignore, background, *allowed)
    try:
        if out.is_dir():  # atomic_write would refuse it only at the end
            raise _unwritable(out, "a folder")
        legend, pairs, alone, lines = gather(options)
        for line in lines:
            print_line(line)
        splits, left = split_pairs(
            pairs,
            Splitting(lists, share, folders, seed),
            images,
            image_suffix,
            classes=lambda: find_classes(pairs, legend, tolerance),
        )
        with atomic_write(out) as file:
            with zipfile.ZipFile(file, "w") as archive:
                tally = Tally(legend, tolerance, ignored=unknown == "ignore", agree=by is None)
                _write(archive, splits, legend, tally)
                tally.check(f"{images} and {masks}")
                add_member(archive, CLASS_TABLE, legend.table())
            file.flush()
            report = inspect(Path(file.name), batch_size)
            _print_notes(images, alone, left, tally)
            print_report(report)
            if not report.usable:
                print()
                print_line(f"{out} is not written: fix the errors, then run again")
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


def _write(archive: zipfile.ZipFile, splits: dict[str, list[Source]], legend: Legend, tally: Tally) -> None:
    """Write pairs until one cannot be used; count the others all the same."""
    convert_some: Callable[[tuple[Source, ...]], list[Converted]] = partial(convert_pairs, legend, tally.tolerance)
    for split, sources in splits.items():
        for pairs in in_parallel(convert_some, sources, CHUNK, f"convert {split}"):
            for pair in pairs:
                tally.add(pair)
                if pair.picture and tally.usable:
                    add_member(archive, f"annotations/{split}/{pair.source.id}.png", pair.annotation)
                    add_member(archive, f"images/{split}/{pair.source.id}{pair.picture.suffix}", pair.picture.content)


def _print_notes(images: Path, alone: list[Path], left: int, tally: Tally) -> None:
    counts = ((len(alone), "files have no partner"), (left, "pairs are in neither split"))
    lines = [f"{count} {what}: left out" for count, what in counts if count]
    if ignored := ignored_pictures(files_below(images, [])):
        lines.append(f"ignored, as they cannot be read: {listed(ignored)}")
    for line in [*lines, *tally.lines()]:
        print_line(line)
    print()
