"""convert: pictures, and masks or files of annotation tools -> a zip in ADE20K's layout.

Input: two folders, or one that holds both, a class table, and how to split. Output: the zip, and what `check` says
about it. Invariants: equal input gives equal bytes; the zip exists only if all of the input could be used and the check
passed without an error; memory does not grow with the number of pictures.
"""

import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sceneparse.convert.annotations.gather import gather
from sceneparse.convert.check import print_params, print_report
from sceneparse.convert.convert_options import ConvertOptions
from sceneparse.convert.inspection import inspect
from sceneparse.convert.pair_conversion import Converted, convert_pairs
from sceneparse.convert.pairing import Source
from sceneparse.convert.splitting import split_pairs
from sceneparse.convert.stratified import find_classes
from sceneparse.convert.tally import Tally
from sceneparse.core.errors import InputError, few
from sceneparse.core.files import add_member, atomic_write
from sceneparse.core.listing import files_below
from sceneparse.core.parallel import in_parallel
from sceneparse.core.tables import print_line
from sceneparse.dataset.layout import CLASS_TABLE
from sceneparse.dataset.suffixes import ignored_pictures, listed

CHUNK = 2  # pairs per task: their pictures are in memory
SHOWN = 5  # files left out, in a message


def convert(out: Path, batch_size: int, images: Path, masks: Path | None, **flags: Any) -> None:
    """Write `out`; print what happened to the input, and the check of the result. Raises InputError.

    `flags` are the other fields of ConvertOptions; without `masks`, `images` holds both.
    """
    options = ConvertOptions(images, masks or images, **flags)
    try:
        if out.is_dir():  # atomic_write would refuse it only at the end
            raise _unwritable(out, "a folder")
        legend, pairs, alone, lines = gather(options)
        warnings = [line for line in lines if line.startswith("warning: ")]
        for line in lines:
            if line not in warnings:
                print_line(line)
        splits, left = split_pairs(pairs, options, lambda: find_classes(pairs, legend, options.tolerance))
        with atomic_write(out) as file:
            with zipfile.ZipFile(file, "w") as archive:
                tally = Tally(legend, options)
                _write(archive, splits, tally)
                tally.check()
                add_member(archive, CLASS_TABLE, legend.table())
            file.flush()
            report = inspect(Path(file.name), batch_size)
            _print_notes(images, alone, left, tally)
            print_report(report, warnings)
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


def _write(archive: zipfile.ZipFile, splits: dict[str, list[Source]], tally: Tally) -> None:
    """Write pairs until one cannot be used; count the others all the same."""
    tolerance = tally.options.tolerance
    convert_some: Callable[[tuple[Source, ...]], list[Converted]] = partial(convert_pairs, tally.legend, tolerance)
    for split, sources in splits.items():
        for pairs in in_parallel(convert_some, sources, CHUNK, f"convert {split}"):
            for pair in pairs:
                tally.add(pair)
                if pair.picture and tally.usable:
                    name, image = f"{split}/{pair.source.id}", pair.source.image
                    add_member(archive, f"annotations/{name}.png", pair.annotation, image)
                    add_member(archive, f"images/{name}{pair.picture.suffix}", pair.picture.content, image)


def _print_notes(images: Path, alone: list[Path], left: int, tally: Tally) -> None:
    lines = []
    if alone:
        lines.append(f"files without a partner, left out ({len(alone):,}): {', '.join(few([*map(str, alone)], SHOWN))}")
    if left:
        lines.append(f"pairs in neither split, left out: {left:,}")
    if ignored := ignored_pictures(files_below(images, [])):
        lines.append(f"ignored, as they cannot be read: {listed(ignored)}")
    for line in [*lines, *tally.lines()]:
        print_line(line)
    print()
