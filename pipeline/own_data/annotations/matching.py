"""Names of pictures in annotation files -> the pictures in a folder.

Tools write what they had: a name, a path from elsewhere with either slash, an address. The path's end decides: of
pictures of the same name the one with most folders in common. Case and the form of accents do not count, and, where
no picture has the name, neither do the suffix and the eight characters that Label Studio puts before an upload.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.own_data.annotations.album import Drawing, Drawn
from pipeline.own_data.listing import IMAGES, Found
from stages.errors import InputError

UPLOAD = re.compile(r"^[0-9a-f]{8}-")


def pair_drawings(
    pictures: Sequence[Found], drawings: Sequence[Drawing], unpaired: bool, where: str
) -> tuple[list[Drawn], list[Path]]:
    """All pictures that have a drawing, in order of their names, and those that have none. Raises InputError.

    `unpaired`: whether pictures without drawing, and drawings without picture, are allowed.
    """
    index = _Index(pictures)
    problems: list[str] = []
    matches: dict[Path, tuple[Found, Drawing]] = {}
    lost: list[Drawing] = []
    for drawing in drawings:
        candidates = index.candidates(drawing)
        if len(candidates) > 1:
            problems.append(
                f"{drawing.file}: {drawing.name}: may be {' or '.join(str(one.file) for one in candidates)}"
            )
        elif not candidates:
            lost.append(drawing)
        elif matches.setdefault(candidates[0].file, (candidates[0], drawing))[1] is not drawing:
            problems.append(
                f"{drawing.file}: {drawing.name}: {candidates[0].file} is in {_twice(matches, candidates)} too"
            )
    alone = [picture.file for picture in pictures if picture.file not in matches]
    if not unpaired:
        problems += [f"{file}: not in the annotations" for file in alone]
        problems += [f"{drawing.file}: {drawing.name}: no such picture" for drawing in lost]
    with_folders = len({found.name for found, _ in matches.values()}) < len(matches)
    pairs = [_drawn(found, drawing, with_folders) for found, drawing in matches.values()]
    ids = Counter(pair.id for pair in pairs)
    problems += [f"{pair.image}: another picture would be called {pair.id} too" for pair in pairs if ids[pair.id] > 1]
    if problems or not pairs:
        counts = f"{len(pictures)} pictures, {len(drawings)} in the annotations, {len(pairs)} in both"
        examples = [] if pairs else [f"such as {one}" for one in (*_some(pictures), *(d.name for d in drawings[:1]))]
        raise InputError(
            "not all pictures and annotations belong together" if pairs else "no picture is in the annotations",
            expected="each picture once in the annotations, by its name",
            got="\n    ".join([counts, *(problems if pairs else examples)]),
            file=where,
            next_step="mend what is named; --unpaired skip leaves out what has no partner"
            if pairs
            else "give the folder with the pictures that were annotated",
        )
    return sorted(pairs, key=lambda pair: pair.id), alone + [drawing.file / drawing.name for drawing in lost]


def _some(pictures: Sequence[Found]) -> list[Path]:
    return [picture.file for picture in pictures[:1]]


def _twice(matches: dict[Path, tuple[Found, Drawing]], candidates: Sequence[Found]) -> str:
    other = matches[candidates[0].file][1]
    return f"{other.file} as {other.name}"


def _drawn(found: Found, drawing: Drawing, with_folders: bool) -> Drawn:
    path = found.path
    if drawing.subset and drawing.subset.lower() not in path.lower().split("/")[:-1]:
        path = f"{drawing.subset}/{path}"
    name = found.path.replace("/", "_") if with_folders else found.name
    return Drawn(name, path, found.file, drawing.file, drawing)


class _Index:
    """Pictures by the last part of their paths."""

    def __init__(self, pictures: Sequence[Found]) -> None:
        self._named: dict[str, list[Found]] = defaultdict(list)
        self._stems: dict[str, list[Found]] = defaultdict(list)
        self._parts = {picture.file: _parts(picture.file.absolute().as_posix()) for picture in pictures}
        for picture in pictures:
            name = self._parts[picture.file][-1]
            self._named[name].append(picture)
            self._stems[_stem(name)].append(picture)

    def candidates(self, drawing: Drawing) -> list[Found]:
        """Pictures that a drawing may be of."""
        parts = _parts(drawing.name)
        if not parts:
            return []
        name = parts[-1]
        found = self._named.get(name) or self._stems.get(_stem(name))
        if not found and UPLOAD.match(name):
            name = UPLOAD.sub("", name, count=1)
            found = self._named.get(name) or self._stems.get(_stem(name))
        if not found or len(found) == 1:
            return found or []
        # Paths in a file begin where the file is, if not elsewhere.
        beside = _parts((drawing.file.absolute().parent / drawing.name.replace("\\", "/")).as_posix())
        return (
            _best(found, self._parts, beside)
            if beside in map(self._parts.get, (f.file for f in found))
            else (_best(found, self._parts, [*filter(None, [drawing.subset.lower()]), *parts]))
        )


def _best(found: list[Found], parts: dict[Path, list[str]], wanted: list[str]) -> list[Found]:
    """Those whose paths have most of the last parts in common."""
    common = {picture.file: _common(parts[picture.file], wanted) for picture in found}
    return [picture for picture in found if common[picture.file] == max(common.values())]


def _common(first: list[str], second: list[str]) -> int:
    """Equal parts from the end, not counting suffixes of the last."""
    pairs = zip(reversed([*first[:-1], _stem(first[-1])]), reversed([*second[:-1], _stem(second[-1])]), strict=False)
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


def _parts(path: str) -> list[str]:
    """Parts of a path of any system, without those that lead nowhere, in one form of accents and case."""
    text = unicodedata.normalize("NFC", path.replace("\\", "/")).casefold()
    parts: list[str] = []
    for part in text.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    return parts


def _stem(name: str) -> str:
    return name.rpartition(".")[0] if PurePosixPath(name).suffix in IMAGES else name
