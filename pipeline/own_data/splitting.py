"""Pairs -> the split of each: by lists, by share or by folders.

Invariant: which split a pair is in by share depends on its own name and the seed alone.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.own_data.pairing import IMAGES, Source
from stages.data.archive import SPLITS
from stages.errors import InputError

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
    pairs: Sequence[Source], how: Splitting, images: Path, image_suffix: str
) -> tuple[dict[str, list[Source]], int]:
    """The pairs of each split, and how many are in none. Raises InputError when a split stays empty.

    `images`: the folder that the pairs' paths are relative to.
    """
    if how.lists:
        chosen: list[int | None] = _by_lists(pairs, how.lists, image_suffix)
    elif how.share is not None:
        chosen = [int(_fraction(pair.path, how.seed) < how.share) for pair in pairs]
    else:
        names = {name.lower(): number for number, name in enumerate(how.folders or ())} or FOLDERS
        chosen = [_by_folder(pair.path, names) for pair in pairs]
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
        got += f", by --share {how.share} and --seed {how.seed}"
        step = "give another --share or --seed, or more pictures"
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


def _fraction(name: str, seed: int) -> float:
    """0..1, evenly spread over names."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode(errors="surrogateescape")).digest()[:8]) / 2**64


def _by_folder(path: str, names: dict[str, int]) -> int | None:
    """By the first of its folders that has one of the names."""
    return next((names[part.lower()] for part in PurePosixPath(path).parts[:-1] if part.lower() in names), None)


def _by_lists(pairs: Sequence[Source], lists: Sequence[Path], image_suffix: str) -> list[int | None]:
    """By two text files, a name a line: with or without folders and suffixes."""
    indices: dict[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        for name in {pair.path, PurePosixPath(pair.path).name}:
            indices[name].append(index)
    chosen: list[int | None] = [None] * len(pairs)
    problems = []
    for number, file in enumerate(lists):
        try:
            lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{file}: {error}")
            continue
        for line in filter(None, lines):
            known = PurePosixPath(line).suffix.lower() in IMAGES
            path = (str(PurePosixPath(line).with_suffix("")) if known else line).removesuffix(image_suffix).lstrip("./")
            matches = indices.get(path) or indices.get(PurePosixPath(path).name, [])
            if len(matches) != 1:
                problems.append(f"{file}: {line}: {len(matches) or 'no'} pairs of this name")
            elif chosen[matches[0]] not in (None, number):
                problems.append(f"{file}: {line}: in the other list too")
            else:
                chosen[matches[0]] = number
    if problems:
        raise InputError(
            "the lists and the pairs do not fit",
            expected="UTF-8, the name of a pair on each line, none in both lists",
            got="\n    ".join(["", *problems]),
            file=" and ".join(map(str, lists)),
            next_step="mend the lines named",
        )
    return chosen
