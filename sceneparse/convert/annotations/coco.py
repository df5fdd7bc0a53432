"""COCO instances: one JSON for all pictures, as COCO, CVAT, Roboflow, Label Studio, VIA and others write it.

    images: id, file_name, width, height      categories: id, name
    annotations: image_id, category_id, segmentation: polygons [[x, y, x, y …], …], or run lengths {counts, size}

The polygons of an annotation are parts of one object, drawn as their union. Regions of a crowd are drawn too.
"""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sceneparse.convert.annotations.album import Album, Drawing, Shape, explain
from sceneparse.convert.annotations.regions import Region, Rings, Side, ring, run_lengths
from sceneparse.convert.spelling import spelled

NO_OUTLINE = "annotations with a box or keypoints and no outline: not drawn"
FLAT = "polygons of fewer than three points: not drawn"
CROWD = "regions of crowds, drawn like others"


class _Image(BaseModel):
    id: int | str
    file_name: str
    width: Side | None = None
    height: Side | None = None


class _Category(BaseModel):
    id: int
    name: str
    supercategory: Any = None


class _Runs(BaseModel):
    counts: list[int] | str
    size: tuple[Side, Side]  # height, width


class _Annotation(BaseModel):
    image_id: int | str
    category_id: int
    segmentation: Any = None  # checked below: a second check of some hundred MB of numbers takes time
    iscrowd: int = 0


class _File(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def recognise(content: Any) -> bool:
    """Return whether the keys are those of instances; COCO's panoptic files have segments_info."""
    if not (isinstance(content, dict) and {"images", "annotations"} <= content.keys()):
        return False
    first = content["annotations"][0] if content["annotations"] and isinstance(content["annotations"], list) else {}
    return not (isinstance(first, dict) and "segments_info" in first)


def read(content: Any, file: Path) -> Album:
    """Read all pictures. Raises ValueError if the content has another form."""
    parsed = _File.model_validate(content)
    names = {category.id: spelled(category.name) for category in parsed.categories}
    pictures = {picture.id: picture for picture in parsed.images}
    for ids, listed in ((names, parsed.categories), (pictures, parsed.images)):
        if len(ids) < len(listed):
            raise ValueError("two categories, or two images, have the same id")
    shapes: dict[int | str, list[Shape]] = defaultdict(list)
    notes: Counter[str] = Counter()
    for number, annotation in enumerate(parsed.annotations):
        where = f"annotations.{number}"
        if annotation.category_id not in names:
            raise ValueError(f"{where}: no category has the id {annotation.category_id}")
        if annotation.image_id not in pictures:
            raise ValueError(f"{where}: no image has the id {annotation.image_id}")
        if not annotation.segmentation or annotation.segmentation == [[]]:
            notes[NO_OUTLINE] += 1
            continue
        notes[CROWD] += bool(annotation.iscrowd)
        try:
            kind, region = _region(annotation.segmentation)
        except ValueError as error:
            raise ValueError(f"{where}: {explain(error)}") from None
        if isinstance(region, Rings):
            rings = tuple(corners for corners in region.rings if len(corners) > 2)
            notes[FLAT] += len(region.rings) - len(rings)
            if not rings:
                continue
            region = Rings(rings)
        shapes[annotation.image_id].append(Shape(names[annotation.category_id], kind, region))
    drawings = []
    for id, picture in pictures.items():
        size = (picture.width, picture.height) if picture.width and picture.height else None
        drawings.append(Drawing(picture.file_name, file, size, tuple(shapes[id])))
    return Album(tuple(drawings), _classes(parsed, notes), +notes)


def _region(segmentation: Any) -> tuple[str, Region]:
    if isinstance(segmentation, dict):
        runs = _Runs.model_validate(segmentation)
        return "mask", run_lengths(runs.counts, *runs.size, by_columns=True)
    if not isinstance(segmentation, list) or not all(isinstance(numbers, list) for numbers in segmentation):
        raise ValueError("segmentation: expected polygons, [[x, y, x, y …], …], or run lengths")
    return "polygon", Rings(tuple(ring(numbers) for numbers in segmentation))


def _classes(parsed: _File, notes: Counter[str]) -> tuple[str, ...]:
    """Return the categories in their order, without those that only group others, as Roboflow's first does."""
    used = {annotation.category_id for annotation in parsed.annotations}
    groups = {category.supercategory for category in parsed.categories}
    grouping = {category.id for category in parsed.categories if category.name in groups and category.id not in used}
    notes["categories without shapes that group others: no classes"] += len(grouping)
    return tuple(dict.fromkeys(spelled(category.name) for category in parsed.categories if category.id not in grouping))
