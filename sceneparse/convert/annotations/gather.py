"""Pictures and annotations of any kind -> the legend, the pairs, and lines for the user.

Masks are pairs of files; all other annotations become drawings. Their content tells which they are: see recognition.py
and class_masks.py. A file is an annotation tool's; in a folder, masks that have pictures' names come first.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

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
from sceneparse.convert.annotations.regions import Mask
from sceneparse.convert.convert_options import ConvertOptions
from sceneparse.convert.ignoring import forgotten
from sceneparse.convert.mask_legend import Legend, name_labels, read_labels, read_legend
from sceneparse.convert.pairing import Source, find_pairs
from sceneparse.convert.picture_files import IMAGES, NamedFile, find_files, with_suffix
from sceneparse.convert.spelling import comparable
from sceneparse.core.errors import InputError
from sceneparse.core.listing import files_below

LISTS = ("_classes.csv", "labelmap.txt", "class_names.txt", "classes.txt", "labels.txt", "class_dict.csv")
SHOWN = 5  # pictures, or classes, in a message
TRIED = 3  # files of a folder


# The pairs are in order of their names; then files without partner, and lines to print.
Gathered = tuple[Legend, Sequence[Source], list[Path], list[str]]


def gather(options: ConvertOptions) -> Gathered:
    """Recognise the kind of annotations, and pair them with pictures. Raises InputError."""
    if options.masks.is_file() and options.images.is_dir():
        if options.masks.suffix.lower() not in SUFFIXES:
            raise _unknown_file(options.masks)
        return _from_files(options, [options.masks])
    pictures, named_masks = find_files(options)
    masks = [mask.file for mask in named_masks]
    if not options.mask_suffix:
        names = {comparable(picture.name) for picture in pictures}
        paired = any(comparable(mask.stem) in names for mask in masks)
        files = [file for file in annotation_files(options.masks) if file != options.classes]
        if files and not paired and (not masks or any(recognised(file) for file in files[:TRIED])):
            return _from_files(options, files)
        if not masks:
            refuse_yolo(options.masks)
        legend = read_labels(options.classes, options.background) if options.classes and masks else None
        if by_class := find_class_masks(pictures, masks, options.masks, legend, paired):
            album, kind, lost = by_class
            return _from_album(options, album, f"{options.masks}: {kind}", pictures, lost)
    return _from_masks(options, pictures, named_masks)


def _from_masks(options: ConvertOptions, pictures: list[NamedFile], masks: list[NamedFile]) -> Gathered:
    if options.background is not None:
        raise InputError(
            "--background is for annotations that are shapes",
            expected="a file of an annotation tool, or a mask for each class",
            got="masks that give every pixel a value or a colour",
            file=options.masks,
            next_step="name the background's value or colour in the class table",
        )
    if options.classes is None:
        beside = [options.masks.parent / name for name in LISTS]
        lists = [path for path in (*files_below(options.masks, []), *beside) if path.name in LISTS and path.is_file()]
        raise InputError(
            "no class table",
            expected="--classes, for masks do not tell what their values or colours mean",
            got="none",
            file=options.masks,
            next_step=f"--classes {lists[0]}" if lists else "write one as docs/own-data.md tells",
        )
    legend = read_legend(options.classes, options.by, options.ignore)
    pairs, alone = find_pairs(pictures, masks, options)
    return legend, pairs, alone, [*filter(None, [legend.note]), *forgotten(legend.names)]


def _from_files(options: ConvertOptions, files: list[Path]) -> Gathered:
    album, name = read_files(files)
    title = f"{name} {files[0] if len(files) == 1 else options.masks}"
    images = [(file.relative_to(options.images), file) for file in files_below(options.images, [])]
    return _from_album(options, album, title, with_suffix(images, IMAGES, options.image_suffix), [])


def _from_album(
    options: ConvertOptions, album: Album, title: str, pictures: list[NamedFile], lost: list[Path]
) -> Gathered:
    labels = album.labels()
    notes = [f"{count:,} {what}" for what, count in sorted(album.notes.items()) if count]
    if not labels:
        raise InputError(
            "no shapes to draw",
            expected="polygons, rectangles, ellipses or masks",
            got="; ".join(notes) or f"{title}: no shapes",
            file=options.masks,
            next_step="draw outlines with the tool, or export them in a format that has them",
        )
    if options.classes:
        legend = read_labels(options.classes, options.background, options.ignore)
    else:
        legend = name_labels(album.classes or sorted(labels), options.background, options.masks, options.ignore)
    lines = [_title(title, album, legend), *notes, *filter(None, [legend.note]), *forgotten(legend.names)]
    lines += _unknown(album, legend, options)
    drawn = {number for label, number in legend.labels if label in labels} | {legend.background}
    if unused := [name for number, name in enumerate(legend.names, 1) if number not in drawn]:
        lines.append(
            f"classes that no shape has: {_some(unused)}; --background NAME is for pixels that no shape covers"
        )
    where = f"{options.images} and {options.masks}"
    if lost and not options.skip_unpaired:
        raise InputError(
            "masks of no picture",
            expected="a picture's name and a class in each",
            got="\n    ".join(["", *map(str, lost)]),
            file=where,
            next_step="add their classes to the table, or leave them out with --unpaired skip",
        )
    pairs, alone = pair_drawings(pictures, album.drawings, options.skip_unpaired, where)
    if empty := [pair.image for pair in pairs if not pair.drawing.shapes]:
        background = options.background or "other"
        lines.append(f"{len(empty)} pictures without a shape, '{background}' everywhere: {_some(empty)}")
    return legend, pairs, alone + lost, lines


def _unknown(album: Album, legend: Legend, options: ConvertOptions) -> list[str]:
    """Return a line for each label that the table lacks. Raises InputError unless they become 0."""
    known = dict(legend.labels)
    shapes: Counter[str] = Counter()
    files: dict[str, dict[str, None]] = defaultdict(dict)
    for drawing in album.drawings:
        for shape in drawing.shapes:
            if shape.label not in known:
                shapes[shape.label] += 1
                file = shape.region.file if isinstance(shape.region, Mask) else None
                files[shape.label][str(file or drawing.name)] = None
    lines = [
        f"{label}: {count:,} shapes in {len(files[label]):,} pictures: {_some(files[label])}"
        for label, count in shapes.most_common()
    ]
    if lines and options.unknown == "refuse":
        raise InputError(
            "labels that the class table lacks",
            expected=_some(known),
            got="\n    ".join(["", *lines]),
            file=options.classes or options.masks,
            next_step="add them to the table, or say --unknown ignore, which draws them as 0",
        )
    return [f"not in the class table, drawn as 0: {line}" for line in lines]


def _title(title: str, album: Album, legend: Legend) -> str:
    kinds = Counter(shape.kind for drawing in album.drawings for shape in drawing.shapes)
    numbers = [(len(album.drawings), "picture", "pictures"), (len(legend.names), "class", "classes")]
    numbers.append((sum(kinds.values()), "shape", "shapes"))
    text = ", ".join(f"{count:,} {single if count == 1 else several}" for count, single, several in numbers)
    by_kind = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items()))
    return f"{title}: {text} ({by_kind})"


def _some(names: Iterable[object]) -> str:
    texts = [str(name) for name in names]
    return ", ".join(texts[:SHOWN]) + (f" and {len(texts) - SHOWN:,} more" if len(texts) > SHOWN else "")


def _unknown_file(path: Path) -> InputError:
    zipped = path.suffix.lower() in (".zip", ".gz", ".tar", ".7z", ".rar")
    return InputError(
        "an annotation file of an unknown kind",
        expected=f"a folder of masks, or {', '.join(known.name for known in FORMATS)}: {', '.join(SUFFIXES[:2])}",
        got=f"a {path.suffix or 'file without suffix'}",
        file=path,
        next_step="unpack it first" if zipped else "docs/annotation-tools.md tells what each tool is to export",
    )
