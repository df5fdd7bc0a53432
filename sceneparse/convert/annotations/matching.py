"""Names of pictures in annotation files -> the pictures in a folder.

Tools write a name, a path from another machine with either slash, or an address. The path's end decides: among
pictures of the same name, the one with most folders in common. Case and the form of accents do not count. If no picture
has the name, neither do the suffix, the eight characters that Label Studio puts before an upload, and those that it
leaves out of its name.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath

from sceneparse.convert.annotations.album import Drawing, Drawn
from sceneparse.convert.pairing import repeated_ids
from sceneparse.convert.picture_files import IMAGES, NamedFile
from sceneparse.convert.spelling import comparable
from sceneparse.core.errors import InputError

UPLOAD = re.compile(r"^[0-9a-f]{8}-")


def pair_drawings(
    pictures: Sequence[NamedFile], drawings: Sequence[Drawing], unpaired: bool, where: str
) -> tuple[list[Drawn], list[Path]]:
    """Return pictures with their drawings, in order of names, and files without partner. Raises InputError.

    `unpaired`: pictures without drawing, and drawings without picture, are allowed.
    """
    index = _Index(pictures)
    problems: list[str] = []
    matches: dict[Path, tuple[NamedFile, Drawing]] = {}
    lost: list[Drawing] = []
    for drawing in drawings:
        candidates = index.candidates(drawing)
        if len(candidates) > 1:
            names = " or ".join(str(picture.file) for picture in candidates)
            problems.append(f"{drawing.file}: {drawing.name}: may be {names}")
        elif not candidates:
            lost.append(drawing)
        elif (other := matches.setdefault(candidates[0].file, (candidates[0], drawing))[1]) is not drawing:
            first = f"{other.file} as {other.name}"
            problems.append(f"{drawing.file}: {drawing.name}: {candidates[0].file} is in {first} too")
    alone = [picture.file for picture in pictures if picture.file not in matches]
    if not unpaired:
        problems += [f"{file}: not in the annotations" for file in alone]
        problems += [f"{drawing.file}: {drawing.name}: no such picture" for drawing in lost]
    with_folders = len({picture.name for picture, _ in matches.values()}) < len(matches)
    pairs = [_drawn(picture, drawing, with_folders) for picture, drawing in matches.values()]
    problems += repeated_ids(pairs)
    if problems or not pairs:
        counts = f"{len(pictures)} pictures, {len(drawings)} in the annotations, {len(pairs)} in both"
        examples = [*(picture.file for picture in pictures[:1]), *(drawing.name for drawing in drawings[:1])]
        raise InputError(
            "not all pictures and annotations belong together" if pairs else "no picture is in the annotations",
            expected="each picture once in the annotations, by its name",
            got="\n    ".join([counts, *(problems if pairs else (f"such as {name}" for name in examples))]),
            file=where,
            next_step="fix the files named; --unpaired skip leaves out those without partner"
            if pairs
            else "give the folder with the pictures that were annotated",
        )
    return sorted(pairs, key=lambda pair: pair.id), alone + [drawing.file / drawing.name for drawing in lost]


def _drawn(picture: NamedFile, drawing: Drawing, with_folders: bool) -> Drawn:
    path = picture.path
    if drawing.subset and comparable(drawing.subset) not in comparable(path).split("/")[:-1]:
        path = f"{drawing.subset}/{path}"
    name = picture.path.replace("/", "_") if with_folders else picture.name
    return Drawn(name, path, picture.file, drawing.file, drawing)


class _Index:
    """Pictures by the last part of their paths."""

    def __init__(self, pictures: Sequence[NamedFile]) -> None:
        self._named: dict[str, list[NamedFile]] = defaultdict(list)
        self._stems: dict[str, list[NamedFile]] = defaultdict(list)
        self._uploads: dict[str, list[NamedFile]] = defaultdict(list)
        self._parts = {picture.file: _parts(picture.file.absolute().as_posix()) for picture in pictures}
        for picture in pictures:
            name = self._parts[picture.file][-1]
            self._named[name].append(picture)
            self._stems[_stem(name)].append(picture)
            self._uploads[_as_uploaded(name)].append(picture)

    def candidates(self, drawing: Drawing) -> list[NamedFile]:
        """Return the pictures that a drawing may be of."""
        parts = _parts(drawing.name)
        name = parts[-1] if parts else ""
        pictures = self._called(name)
        if not pictures and UPLOAD.match(name):
            upload = UPLOAD.sub("", name)
            pictures = self._called(upload) or self._uploads.get(upload, [])
        if len(pictures) < 2:
            return pictures
        # A path in a file may be relative to the file's folder.
        beside = _parts((drawing.file.absolute().parent / drawing.name.replace("\\", "/")).as_posix())
        same = [picture for picture in pictures if self._parts[picture.file] == beside]
        return same or self._closest(pictures, [comparable(drawing.subset), *parts] if drawing.subset else parts)

    def _called(self, name: str) -> list[NamedFile]:
        return self._named.get(name) or self._stems.get(_stem(name), [])

    def _closest(self, pictures: list[NamedFile], wanted: list[str]) -> list[NamedFile]:
        """Return the pictures whose paths have most of the last parts in common with the wanted one."""
        common = [_common(self._parts[picture.file], wanted) for picture in pictures]
        return [picture for picture, count in zip(pictures, common, strict=True) if count == max(common)]


def _common(path: list[str], wanted: list[str]) -> int:
    """Count equal parts from the end, without the suffix of the last."""
    ends = [reversed([*parts[:-1], _stem(parts[-1])]) for parts in (path, wanted)]
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*ends, strict=False)))


def _parts(path: str) -> list[str]:
    """Split a path of any system, without . and .. parts; accents and case in one form."""
    text = comparable(path.replace("\\", "/"))
    parts: list[str] = []
    for part in text.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    return parts


def _as_uploaded(name: str) -> str:
    """Return the name that Label Studio, by Django's get_valid_filename, gives an upload."""
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))


def _stem(name: str) -> str:
    return name.rpartition(".")[0] if PurePosixPath(name).suffix in IMAGES else name
