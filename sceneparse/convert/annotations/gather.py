"""Pictures and annotations of any kind -> the legend, the pairs, and what there is to say about them.

Masks are pairs of files; all else becomes drawings. Which it is shows in the content, see formats.py and
class_masks.py: a file is an annotation tool's; in a folder masks that have pictures' names come first.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sceneparse.convert.annotations.album import Album
from sceneparse.convert.annotations.class_masks import find_class_masks
from sceneparse.convert.annotations.matching import pair_drawings
from sceneparse.convert.annotations.recognition import (
    FORMATS,
    SUFFIXES,
    annotation_files,
    read_files,
    recognised,
    refuse_yolo,
)
from sceneparse.convert.annotations.regions import MaskFile
from sceneparse.convert.mask_legend import Legend, name_labels, read_labels, read_legend
from sceneparse.convert.pairing import Source, find_pairs
from sceneparse.convert.picture_files import IMAGES, Found, find_files
from sceneparse.core.errors import InputError
from sceneparse.core.listing import files_below

LISTS = ("_classes.csv", "labelmap.txt", "class_names.txt", "classes.txt", "labels.txt", "class_dict.csv")
SHOWN = 5  # pictures, or classes, that are named
TRIED = 3  # files of a folder


@dataclass(frozen=True)
class Wishes:
    """The command line's words about pictures, annotations and their classes."""

    images: Path
    masks: Path
    classes: Path | None
    image_suffix: str
    mask_suffix: str
    by: str | None
    ignore: Sequence[str] | None
    background: str | None
    unknown: bool  # whether codes and labels that the table lacks become 0
    unpaired: bool  # whether files without partner are left out
    lossy: bool  # whether masks may be JPEGs


class Gathered(NamedTuple):
    """Pairs, in order of their names; `alone`: files without partner; `lines`: what to print."""

    legend: Legend
    pairs: Sequence[Source]
    alone: list[Path]
    lines: list[str]


def gather(wishes: Wishes) -> Gathered:
    """Find out what kind of annotations there are, and pair them with pictures. Raises InputError."""
    if wishes.masks.is_file() and wishes.images.is_dir():
        if wishes.masks.suffix.lower() not in SUFFIXES:
            raise _unknown_file(wishes.masks)
        return _of_files(wishes, [wishes.masks])
    suffixes = wishes.image_suffix, wishes.mask_suffix
    pictures, annotated = find_files(wishes.images, wishes.masks, *suffixes, wishes.lossy)
    masks = [mask.file for mask in annotated]
    if not wishes.mask_suffix:
        names = {picture.name.casefold() for picture in pictures}
        paired = any(mask.stem.casefold() in names for mask in masks)
        files = [file for file in annotation_files(wishes.masks) if file != wishes.classes]
        if files and not paired and (not masks or any(recognised(file) for file in files[:TRIED])):
            return _of_files(wishes, files)
        if not masks:
            refuse_yolo(wishes.masks)
        legend = read_labels(wishes.classes, wishes.background) if wishes.classes and masks else None
        labels = [label for label, number in legend.labels if number not in (0, legend.background)] if legend else []
        by_class = find_class_masks(pictures, masks, wishes.masks, labels, paired)
        if by_class:
            album, kind, lost = by_class
            return _of_album(wishes, album, f"{wishes.masks}: {kind}", pictures, lost)
    return _of_masks(wishes)


def _of_masks(wishes: Wishes) -> Gathered:
    if wishes.background is not None:
        raise InputError(
            "--background is for annotations that are shapes",
            expected="a file of an annotation tool, or a mask for each class",
            got="masks that give every pixel a value or a colour",
            file=wishes.masks,
            next_step="name the background's value or colour in the class table",
        )
    if wishes.classes is None:
        beside = [wishes.masks.parent / name for name in LISTS]
        there = [path for path in (*files_below(wishes.masks, []), *beside) if path.name in LISTS and path.is_file()]
        raise InputError(
            "no class table",
            expected="--classes, for masks do not tell what their values or colours mean",
            got="none",
            file=wishes.masks,
            next_step=f"--classes {there[0]}" if there else "write one as docs/own-data.md tells",
        )
    legend = read_legend(wishes.classes, wishes.by, wishes.ignore)
    suffixes = wishes.image_suffix, wishes.mask_suffix
    pairs, alone = find_pairs(wishes.images, wishes.masks, *suffixes, wishes.unpaired, wishes.lossy)
    return Gathered(legend, pairs, alone, [legend.note] if legend.note else [])


def _of_files(wishes: Wishes, files: list[Path]) -> Gathered:
    album, name = read_files(files)
    title = f"{name} {files[0] if len(files) == 1 else wishes.masks}"
    return _of_album(wishes, album, title, _pictures(wishes), [])


def _of_album(wishes: Wishes, album: Album, title: str, pictures: list[Found], lost: list[Path]) -> Gathered:
    labels = album.labels()
    if not labels:
        raise InputError(
            "no shapes to draw",
            expected="polygons, rectangles, ellipses or masks",
            got="; ".join(_counted(album.notes)) or f"{title}: no shapes",
            file=wishes.masks,
            next_step="draw outlines with the tool, or export them in a format that has them",
        )
    if wishes.classes:
        legend = read_labels(wishes.classes, wishes.background)
    else:
        legend = name_labels(album.classes or sorted(labels), wishes.background, wishes.masks)
    lines = [_title(title, album, legend), *_counted(album.notes), *filter(None, [legend.note])]
    lines += _unknown(album, legend, wishes)
    unused = [name for name in legend.names if name not in _drawn_names(legend, labels)]
    if unused:
        lines.append(f"classes that no shape has: {_some(unused)}; --background NAME is for what no shape covers")
    where = f"{wishes.images} and {wishes.masks}"
    if lost and not wishes.unpaired:
        raise InputError(
            "masks of no picture",
            expected="a picture's name and a class in each",
            got="\n    ".join(["", *map(str, lost)]),
            file=where,
            next_step="add their classes to the table, or leave them out with --unpaired skip",
        )
    pairs, alone = pair_drawings(pictures, album.drawings, wishes.unpaired, where)
    empty = [pair.image for pair in pairs if not pair.drawing.shapes]
    if empty:
        lines.append(
            f"{len(empty)} pictures without a shape, '{wishes.background or 'other'}' everywhere: {_some(empty)}"
        )
    return Gathered(legend, pairs, alone + lost, lines)


def _drawn_names(legend: Legend, labels: Counter[str]) -> set[str]:
    numbers = {number for label, number in legend.labels if label in labels} | {legend.background}
    return {legend.names[number - 1] for number in numbers if number}


def _unknown(album: Album, legend: Legend, wishes: Wishes) -> list[str]:
    """Make a line for each label that the table lacks. Raises InputError unless they become 0."""
    known = dict(legend.labels)
    shapes: Counter[str] = Counter()
    files: dict[str, dict[str, None]] = defaultdict(dict)
    for drawing in album.drawings:
        for shape in drawing.shapes:
            if shape.label not in known:
                shapes[shape.label] += 1
                where = shape.region.path if isinstance(shape.region, MaskFile) else drawing.name
                files[shape.label][str(where)] = None
    lines = [
        f"{label}: {count:,} shapes in {len(files[label]):,} pictures: {_some(files[label])}"
        for label, count in shapes.most_common()
    ]
    if lines and not wishes.unknown:
        raise InputError(
            "labels that the class table lacks",
            expected=_some(known),
            got="\n    ".join(["", *lines]),
            file=wishes.classes,
            next_step="add them to the table, or say --unknown ignore, which draws them as 0",
        )
    return [f"not in the class table, drawn as 0: {line}" for line in lines]


def _title(title: str, album: Album, legend: Legend) -> str:
    kinds = album.kinds()
    numbers = [(len(album.drawings), "picture", "pictures"), (len(legend.names), "class", "classes")]
    numbers.append((sum(kinds.values()), "shape", "shapes"))
    text = ", ".join(f"{count:,} {single if count == 1 else several}" for count, single, several in numbers)
    by_kind = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items()))
    return f"{title}: {text} ({by_kind})"


def _counted(notes: Counter[str]) -> list[str]:
    return [f"{count:,} {what}" for what, count in sorted(notes.items()) if count]


def _some(names: Iterable[object]) -> str:
    texts = [str(name) for name in names]
    return ", ".join(texts[:SHOWN]) + (f" and {len(texts) - SHOWN:,} more" if len(texts) > SHOWN else "")


def _pictures(wishes: Wishes) -> list[Found]:
    """List all pictures, also those in the folder of the annotations."""
    suffix = wishes.image_suffix
    return [
        Found(file.relative_to(wishes.images).with_name(file.stem.removesuffix(suffix)).as_posix(), file)
        for file in files_below(wishes.images, [])
        if file.suffix.lower() in IMAGES and file.stem.endswith(suffix) and file.stem != suffix
    ]


def _unknown_file(path: Path) -> InputError:
    zipped = path.suffix.lower() in (".zip", ".gz", ".tar", ".7z", ".rar")
    return InputError(
        "an annotation file of an unknown kind",
        expected=f"a folder of masks, or {', '.join(known.name for known in FORMATS)}: {', '.join(SUFFIXES[:2])}",
        got=f"a {path.suffix or 'file without suffix'}",
        file=path,
        next_step="unpack it first" if zipped else "docs/annotation-tools.md tells what each tool is to export",
    )
