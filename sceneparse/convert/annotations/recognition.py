"""Formats of annotation tools, recognised by content, never by name.

A further format is a file like coco.py beside this one, and a row of FORMATS.
"""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from pydantic_core import from_json

from sceneparse.convert.annotations import coco, cvat, label_studio, labelme
from sceneparse.convert.annotations.album import Album, explain, merge
from sceneparse.core.errors import InputError
from sceneparse.core.listing import files_below
from sceneparse.core.parallel import in_parallel

SUFFIXES = (".json", ".xml", ".ndjson", ".jsonl")
ASIDE = ("dataset.json", "meta.json", "package.json")  # files beside annotations
YOLO = re.compile(r"\s*\d+( -?\d\.\d+){4,} *(\n|$)")
CHUNK = 8  # files per task
START = 1000  # characters
MOST_KEYS = 12  # in an error


class Format(NamedTuple):
    """A format: its name, a test of content, and its reader, which raises ValueError for content of another form."""

    name: str
    recognise: Callable[[Any], bool]
    read: Callable[[Any, Path], Album]


FORMATS = (
    Format("COCO", coco.recognise, coco.read),
    Format("labelme", labelme.recognise, labelme.read),
    Format("Label Studio JSON", label_studio.recognise, label_studio.read),
    Format("CVAT for images", cvat.recognise, cvat.read),
)

REFUSED = (  # a format, its marks (any of these sets, see _marks), and what to do instead
    ("COCO panoptic", ({"images", "annotations"},), "use COCO instances, or the stuff maps with a class table"),
    (
        "CVAT for video, or without images,",
        ({"<annotations>"},),
        "export the task as 'CVAT for images 1.1', or as 'Segmentation mask 1.1'",
    ),
    (
        "Pascal VOC boxes (XML)",
        ({"<annotation>"},),
        "boxes have no outlines: use the masks of SegmentationClass, or draw polygons",
    ),
    (
        "Label Studio JSON-MIN",
        ({"[]", "annotation_id"}, {"[]", "annotator"}, {"[]", "lead_time"}),
        "export as 'JSON', which has the shapes of all tasks",
    ),
    (
        "VGG Image Annotator (VIA)",
        ({"_via_img_metadata"}, {"*.filename", "*.regions"}),
        "in VIA choose Annotation, Export Annotations (COCO format)",
    ),
    ("Cityscapes polygons", ({"imgHeight", "imgWidth", "objects"},), "use its masks: --mask-suffix _gtFine_labelIds"),
    ("Supervisely", ({"objects", "size"},), "export with the app 'Export as masks', or 'Convert Supervisely to COCO'"),
    ("Labelbox", ({"data_row"}, {"Labeled Data"}, {"DataRow ID"}), "convert it to COCO with Labelbox's own library"),
    ("CreateML boxes", ({"image", "annotations"},), "boxes have no outlines"),
)


def _marks(content: Any) -> set[str]:
    """Return the keys of an object, or of a list's first; '[]' for a list, '*.key' one level below, '<tag>' for XML."""
    if isinstance(content, ElementTree.Element):
        return {f"<{content.tag}>"}
    if isinstance(content, list):
        return {"[]", *(content[0] if content and isinstance(content[0], dict) else ())}
    if not isinstance(content, dict):
        return set()
    first = next(iter(content.values()), None)
    return {*content, *(f"*.{key}" for key in (first if isinstance(first, dict) else ()))}


def annotation_files(folder: Path) -> list[Path]:
    """List the files below a folder that may be an annotation tool's."""
    files = (path for path in files_below(folder, []) if path.suffix.lower() in SUFFIXES)
    return [path for path in files if path.name.lower() not in ASIDE]


def refuse_yolo(folder: Path) -> None:
    """Raise InputError for YOLO's labels: a text file for each picture, lines of a class number and coordinates."""
    for path in files_below(folder, []):
        text = ""
        if path.suffix.lower() == ".txt" and path.is_file():
            with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(START)
        if YOLO.match(text):
            raise _refused("YOLO's text files cannot be used", path, "YOLO", "export as COCO, or convert them to COCO")


def recognised(path: Path) -> bool:
    """Return whether a file has one of FORMATS. Raises InputError for a file that cannot be parsed."""
    content = _parse(path)
    return any(known.recognise(content) for known in FORMATS)


def read_files(paths: list[Path]) -> tuple[Album, str]:
    """Read files of one format; return its name too. Raises InputError that names the file that cannot be read."""
    albums: list[Album] = []
    names: dict[str, Path] = {}
    for some in in_parallel(_read_some, paths, CHUNK, "read annotations"):
        for path, name, album in some:
            names.setdefault(name, path)
            albums.append(album)
    if len(names) > 1:
        raise InputError(
            "annotation files of several formats",
            expected="one format",
            got=", ".join(f"{name}: {path}" for name, path in names.items()),
            file=Path(os.path.commonpath(paths)),
            next_step="name the file, or a folder with files of one format",
        )
    return merge(albums), next(iter(names))


def _read_some(paths: tuple[Path, ...]) -> list[tuple[Path, str, Album]]:
    return [(path, *_read(path)) for path in paths]


def _read(path: Path) -> tuple[str, Album]:
    content = _parse(path)
    for name, recognise, read in FORMATS:
        if recognise(content):
            try:
                return name, read(content, path)
            except (ValueError, OverflowError) as error:
                step = "export it again; docs/annotation-tools.md tells what each tool is to export"
                raise _refused(f"a file of {name} cannot be read", path, explain(error), step) from None
    marks = _marks(content)
    for name, alternatives, step in REFUSED:
        if any(alternative <= marks for alternative in alternatives):
            raise _refused(f"{name} cannot be used", path, name, step)
    if isinstance(content, ElementTree.Element):
        kind = f"an XML of <{content.tag}>"
    else:
        keys = ", ".join(sorted(mark for mark in marks if mark != "[]" and mark[:2] != "*.")[:MOST_KEYS])
        kind = f"JSON, a {type(content).__name__}" + (f" with the keys {keys}" if keys else "")
    raise _refused("an annotation file of an unknown format", path, kind, "export it in one of these formats")


def _parse(path: Path) -> Any:
    """Return the content of a JSON, or the root of an XML. Raises InputError."""
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".xml":
            return ElementTree.fromstring(content)  # noqa: S314 - expat 2.4.1 and later stop expanding entities
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            content = content.decode("utf-16").encode()
        return from_json(content.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        if path.suffix.lower() in (".ndjson", ".jsonl"):
            name = "a list of JSON objects, a line each"
            raise _refused(f"{name} cannot be used", path, name, "export it as COCO") from None
        raise _refused("an annotation file is not JSON", path, str(error), "export or copy it again") from None
    except ElementTree.ParseError as error:
        raise _refused("an annotation file is not XML", path, str(error), "export or copy it again") from None
    except OSError as error:
        raise _refused("an annotation file cannot be read", path, str(error), "make it readable") from None


def _refused(problem: str, path: Path, got: str, step: str) -> InputError:
    return InputError(problem, expected=", ".join(known.name for known in FORMATS), got=got, file=path, next_step=step)
