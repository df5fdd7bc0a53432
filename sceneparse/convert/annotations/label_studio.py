"""Label Studio's JSON export: a list of tasks, each with its picture's address and the results of one or more people.

Coordinates are percents of the picture's size. If a task has several annotations, the first one counts that is not
cancelled, and that is marked as ground truth if any is. A task without such an annotation makes no drawing: it says
nothing about its picture. An empty annotation that was submitted does. A rectangle turns about its upper left corner.
"""

from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel

from sceneparse.convert.annotations.album import Album, Drawing, Shape, explain
from sceneparse.convert.annotations.regions import Mask, Region, Rings, Side, ellipse, rectangle, ring
from sceneparse.convert.annotations.rle import brush_to_mask
from sceneparse.convert.picture_files import IMAGES
from sceneparse.convert.spelling import spelled

FURTHER = "further annotations of a picture that has one: not drawn"
NOT_DONE = "tasks that were skipped or not annotated: not drawn"
SEVERAL = "shapes with several labels: the first one counts"
KINDS = ("polygon", "rectangle", "ellipse", "brush")


class _Value(BaseModel, extra="allow"):
    points: list[tuple[float, float]] = []
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0
    radiusX: float = 0
    radiusY: float = 0
    rotation: float = 0
    rle: list[int] | None = None


class _Result(BaseModel):
    type: str
    id: str | None = None
    to_name: str | None = None  # the picture's, in the project's configuration
    value: _Value = _Value()
    original_width: Side | None = None
    original_height: Side | None = None
    image_rotation: float = 0


class _Annotation(BaseModel):
    result: list[_Result]
    was_cancelled: bool | None = False
    ground_truth: bool | None = False


class _Task(BaseModel):
    data: dict[str, Any]
    annotations: list[_Annotation] = []
    completions: list[_Annotation] = []  # the key in older versions


def recognise(content: Any) -> bool:
    """Return whether the keys of the first task are Label Studio's."""
    task = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
    return isinstance(task.get("data"), dict) and bool(task.keys() & {"annotations", "completions"})


def read(content: Any, file: Path) -> Album:
    """Read all tasks. Raises ValueError if the content has another form."""
    drawings = []
    notes: Counter[str] = Counter()
    for number, task in enumerate(content):
        where = f"task {number}"
        try:
            parsed = _Task.model_validate(task)
            where = f"task {task.get('id', number)}"
            if drawing := _drawing(parsed, file, notes):
                drawings.append(drawing)
        except ValueError as error:
            raise ValueError(f"{where}: {explain(error)}") from None
    return Album(tuple(drawings), (), +notes)


def _drawing(task: _Task, file: Path, notes: Counter[str]) -> Drawing | None:
    name = _name(task.data)
    done = [annotation for annotation in (*task.annotations, *task.completions) if not annotation.was_cancelled]
    true = [annotation for annotation in done if annotation.ground_truth]
    if not done:
        notes[NOT_DONE] += 1
        return None
    chosen = (true or done)[0]
    notes[FURTHER] += len(done) - 1
    named = {result.id: _labels(result) for result in chosen.result if result.type == "labels"}
    shapes, sizes, pictures = [], set(), set()
    for result in chosen.result:
        kind = result.type.removesuffix("labels")
        if kind not in KINDS:
            notes[f"results of the kind {result.type}, which has no area: not drawn"] += bool(
                kind and result.type not in ("relation", "choices", "textarea", "rating")
            )
            continue
        if not (result.original_width and result.original_height):
            raise ValueError(f"a {kind} without original_width and original_height")
        if result.image_rotation:
            raise ValueError(
                f"a picture turned by {result.image_rotation:g} degrees in Label Studio: turn it back there"
            )
        sizes.add((result.original_width, result.original_height))
        pictures.add(result.to_name or "")
        labels = _labels(result) or named.get(result.id, [])
        if not labels:
            raise ValueError(f"a {kind} without label")
        notes[SEVERAL] += len(labels) > 1
        shapes.append(
            Shape(labels[0], kind, _region(kind, result.value, result.original_width, result.original_height))
        )
    if len(pictures) > 1:
        raise ValueError(f"shapes of several pictures, {' and '.join(sorted(pictures))}: make a task for each picture")
    if len(sizes) > 1:
        raise ValueError(f"shapes of pictures of several sizes: {sorted(sizes)}")
    return Drawing(name, file, sizes.pop() if sizes else None, tuple(shapes))


def _labels(result: _Result) -> list[str]:
    labels = (result.value.model_extra or {}).get(result.type, [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"{result.type}: expected a list of names, got {labels!r:.60}")
    return [*map(spelled, labels)]


def _region(kind: str, value: _Value, width: int, height: int) -> Region:
    if kind == "brush":
        if value.rle is None:
            raise ValueError("a brush stroke without rle: export as JSON, not as JSON-MIN or CSV")
        return Mask(partial(brush_to_mask, bytes(value.rle)))
    if kind == "polygon":
        if len(value.points) < 3:
            raise ValueError(f"a polygon of {len(value.points)} points")
        scaled = [number for x, y in value.points for number in (x * width / 100, y * height / 100)]
        return Rings((ring(scaled),))
    x, y = value.x * width / 100, value.y * height / 100
    if kind == "ellipse":
        return ellipse(x, y, value.radiusX * width / 100, value.radiusY * height / 100, value.rotation)
    right, bottom = x + value.width * width / 100, y + value.height * height / 100
    return rectangle(x, y, right, bottom, value.rotation, about="corner")


def _name(data: dict[str, Any]) -> str:
    """Return the path in the picture's address: an upload's, a local file's, or a store's. Raises ValueError."""
    texts = [text for text in data.values() if isinstance(text, str)]
    paths = [_path(text) for text in texts]
    pictures = [path for path in paths if PurePosixPath(path).suffix.lower() in IMAGES]
    if not pictures:
        raise ValueError(f"no address of a picture in its data: {', '.join(data)}")
    return pictures[0]


def _path(address: str) -> str:
    parts = urlsplit(address)
    named = parse_qs(parts.query).get("d")
    return named[0] if named else unquote(parts.path)
