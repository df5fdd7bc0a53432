"""Pairs -> the split of each: by lists, by share or by folders."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sceneparse.convert.pairing import Source
from sceneparse.convert.split_lists import read_list
from sceneparse.convert.stratified import draw
from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import SPLITS

SHOWN = 12  # folders that are named
FOLDERS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1}


@dataclass(frozen=True)
class Splitting:
    """How pairs are dealt out: one of the three is given."""

    lists: Sequence[Path] | None  # of training and validation
    share: float | None
    folders: Sequence[str] | None  # of training and validation; empty = the usual names
    seed: int


def deal_out(
    pairs: Sequence[Source],
    how: Splitting,
    images: Path,
    image_suffix: str,
    classes: Callable[[], Sequence[frozenset[int]]],
) -> tuple[dict[str, list[Source]], int]:
    """The pairs of each split, and how many are in none. Raises InputError when a split stays empty.

    `images`: the folder that the pairs' paths are relative to; `classes`: looks up those of each pair.
    """
    if how.lists:
        chosen: list[int | None] = _by_lists(pairs, how.lists, image_suffix)
    elif how.share is not None:
        chosen = [*draw(pairs, classes(), how.share, how.seed)]
    else:
        names = {name.lower(): number for number, name in enumerate(how.folders or ())} or FOLDERS
        chosen = [_by_folder(pair.path, names) for pair in pairs]
        if not any(number is not None for number in chosen):  # images_prepped_train
            chosen = [_by_folder(re.sub("[^a-z0-9/]+", "/", pair.path.lower()), names) for pair in pairs]
    dealt = {
        split: [pair for pair, number in zip(pairs, chosen, strict=True) if number == index]
        for index, split in enumerate(SPLITS)
    }
    if not all(dealt.values()):
        raise _empty_split(pairs, how, images, {split: len(found) for split, found in dealt.items()})
    return dealt, chosen.count(None)


def _empty_split(pairs: Sequence[Source], how: Splitting, images: Path, counts: dict[str, int]) -> InputError:
    got = f"{', '.join(f'{count} for {split}' for split, count in counts.items())}, of {len(pairs)}"
    if how.lists:
        step = "name pairs in both lists"
    elif how.share is not None:
        step = "give more pictures"
    else:
        folders = sorted({folder for pair in pairs for folder in PurePosixPath(pair.path).parts[:-1]})
        more = f" and {len(folders) - SHOWN} others" if len(folders) > SHOWN else ""
        found = f"the folders below are {', '.join(folders[:SHOWN])}{more}" if folders else "there are no folders below"
        got += f"; asked for: {', '.join(how.folders or FOLDERS)}; {found}"
        step = "give after --folders the names of two folders that pictures lie in, or use --share or --lists"
    return InputError(
        "a split is empty",
        expected="pairs for training and for validation",
        got=got,
        file=" and ".join(map(str, how.lists)) if how.lists else images,
        next_step=step,
    )


def _by_folder(path: str, names: dict[str, int]) -> int | None:
    """By the first of its folders that has one of the names."""
    return next((names[part.lower()] for part in PurePosixPath(path).parts[:-1] if part.lower() in names), None)


def _by_lists(pairs: Sequence[Source], lists: Sequence[Path], image_suffix: str) -> list[int | None]:
    """By two files with names, with or without folders and suffixes."""
    indices: dict[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        path = unicodedata.normalize("NFC", pair.path)
        for name in {path, PurePosixPath(path).name}:
            indices[name].append(index)
    chosen: list[int | None] = [None] * len(pairs)
    problems = []
    for number, file in enumerate(lists):
        try:
            entries = read_list(file)
        except (OSError, ValueError) as error:
            problems.append(f"{file}: {error}")
            continue
        for line, names in entries:
            paths = [name.removesuffix(image_suffix).lstrip("./") for name in names]
            tried = [key for path in paths for key in (path, PurePosixPath(path).name)]
            matches = next((indices[key] for key in tried if key in indices), [])
            if len(matches) != 1:
                problems.append(f"{file}: {line}: {len(matches) or 'no'} pairs of this name")
            elif chosen[matches[0]] not in (None, number):
                problems.append(f"{file}: {line}: in the other list too")
            else:
                chosen[matches[0]] = number
    if problems:
        raise InputError(
            "the lists and the pairs do not fit",
            expected="the name of a pair on each line, or COCO's JSON; none in both lists",
            got="\n    ".join(["", *problems]),
            file=" and ".join(map(str, lists)),
            next_step="mend the lines named",
        )
    return chosen
