"""Pairs -> the split of each: by lists, by share or by folders.

A list names the pictures of a split. As text it has a picture a line, a name or a path, alone or before a mask's path
or other columns (as in Oxford Pets), and comments that begin with #. As JSON it is COCO's instances of the split, or a
list of names.
"""

import csv
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from sceneparse.convert.class_lists import decode
from sceneparse.convert.convert_options import ConvertOptions
from sceneparse.convert.pairing import Source
from sceneparse.convert.picture_files import IMAGES
from sceneparse.convert.spelling import comparable
from sceneparse.convert.stratified import draw
from sceneparse.core.errors import InputError
from sceneparse.dataset.layout import SPLITS

MOST_FOLDERS = 12  # in an error
FOLDERS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1}
DELIMITERS = ",;\t "
SUFFIXED = re.compile(rf"(.+?(?:{'|'.join(map(re.escape, IMAGES))}))(?=[\s,;]|$)", re.IGNORECASE)


def split_pairs(
    pairs: Sequence[Source], options: ConvertOptions, classes: Callable[[], Sequence[frozenset[int]]]
) -> tuple[dict[str, list[Source]], int]:
    """Return the pairs of each split, and how many are in none. Raises InputError if a split stays empty.

    `classes` looks up those of each pair; only a share needs them.
    """
    if options.lists:
        chosen: list[int | None] = _by_lists(pairs, options.lists, options.image_suffix)
    elif options.share is not None:
        chosen = [*draw(pairs, classes(), options.share, options.seed)]
    else:
        names = {comparable(name): number for number, name in enumerate(options.folders or ())} or FOLDERS
        chosen = [_by_folder(pair.path, names) for pair in pairs]
        if not any(number is not None for number in chosen):  # images_prepped_train
            chosen = [_by_folder(re.sub("[^a-z0-9/]+", "/", pair.path.lower()), names) for pair in pairs]
    splits = {
        split: [pair for pair, number in zip(pairs, chosen, strict=True) if number == index]
        for index, split in enumerate(SPLITS)
    }
    if not all(splits.values()):
        raise _empty_split(pairs, options, {split: len(members) for split, members in splits.items()})
    return splits, chosen.count(None)


def _empty_split(pairs: Sequence[Source], options: ConvertOptions, counts: dict[str, int]) -> InputError:
    got = f"{', '.join(f'{count} for {split}' for split, count in counts.items())}, of {len(pairs)}"
    if options.lists:
        step = "name pairs in both lists"
    elif options.share is not None:
        step = "give more pictures"
    else:
        folders = sorted({folder for pair in pairs for folder in PurePosixPath(pair.path).parts[:-1]})
        more = f" and {len(folders) - MOST_FOLDERS} others" if len(folders) > MOST_FOLDERS else ""
        below = f"are {', '.join(folders[:MOST_FOLDERS])}{more}" if folders else ""
        got += f"; asked for: {', '.join(options.folders or FOLDERS)}; "
        got += f"the folders below {below}" if below else "there are no folders below"
        step = "give after --folders the names of two folders that hold pictures, or use --share or --lists"
    return InputError(
        "a split is empty",
        expected="pairs for training and for validation",
        got=got,
        file=" and ".join(map(str, options.lists)) if options.lists else options.images,
        next_step=step,
    )


def _by_folder(path: str, names: dict[str, int]) -> int | None:
    """Return the split of the first folder in a path that has one of the names."""
    return next((names[part] for part in PurePosixPath(comparable(path)).parts[:-1] if part in names), None)


def _by_lists(pairs: Sequence[Source], lists: Sequence[Path], image_suffix: str) -> list[int | None]:
    """Return the split of each pair by two files of names, with or without folders and suffixes."""
    indices: dict[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        path = unicodedata.normalize("NFC", pair.path)
        for name in {path, PurePosixPath(path).name}:
            indices[name].append(index)
    chosen: list[int | None] = [None] * len(pairs)
    problems = []
    for number, file in enumerate(lists):
        try:
            for line, names in _entries(file):
                paths = [name.removesuffix(image_suffix).lstrip("./") for name in names]
                keys = [key for path in paths for key in (path, PurePosixPath(path).name)]
                matches = next((indices[key] for key in keys if key in indices), [])
                if len(matches) != 1:
                    problems.append(f"{file}: {line}: {len(matches) or 'no'} pairs of this name")
                elif chosen[matches[0]] not in (None, number):
                    problems.append(f"{file}: {line}: in the other list too")
                else:
                    chosen[matches[0]] = number
        except (OSError, ValueError, RecursionError, csv.Error) as error:
            problems.append(f"{file}: {error}")
    if problems:
        raise InputError(
            "the lists and the pairs do not fit",
            expected="the name of a pair on each line, or COCO's JSON; none in both lists",
            got="\n    ".join(["", *problems]),
            file=" and ".join(map(str, lists)),
            next_step="fix the lines named",
        )
    return chosen


def _entries(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each entry of a list, and the names that it may mean, likeliest first: with folders, without suffix.

    Raises OSError, and ValueError if the file is no list.
    """
    text = unicodedata.normalize("NFC", decode(path)[0])
    if text.lstrip()[:1] in ("{", "["):
        content = json.loads(text)
        if isinstance(content, dict) and isinstance(content.get("images"), list):
            content = [image.get("file_name") if isinstance(image, dict) else None for image in content["images"]]
        if not isinstance(content, list) or not all(isinstance(name, str) and name for name in content):
            raise ValueError("expected COCO's instances or a list of names, in JSON")
        yield from ((name, [_without_suffix(name)]) for name in content)
        return
    for line in map(str.strip, text.splitlines()):
        if line and line[0] != "#":  # up to a picture's suffix, all of it as a name with blanks, or the first column
            match = SUFFIXED.match(line)
            firsts = [next(csv.reader([line], delimiter=delimiter))[0] for delimiter in DELIMITERS]
            names = dict.fromkeys([*([match[1]] if match else []), line, *firsts])
            yield line, [_without_suffix(name) for name in names]


def _without_suffix(text: str) -> str:
    path = PurePosixPath(text.strip("\"'").replace("\\", "/"))
    return str(path.with_suffix("") if path.suffix.lower() in IMAGES else path)
