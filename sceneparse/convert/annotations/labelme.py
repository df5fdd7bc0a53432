"""labelme: a JSON for each picture, with its shapes in the order of drawing."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from sceneparse.convert.annotations.album import Album, Drawing, Shape
from sceneparse.convert.annotations.regions import Region, Rings, Side, ellipse, rectangle, ring, stamp
from sceneparse.convert.spelling import spelled

TURNED = ("rotation", "oriented_rectangle")  # rectangles with four corners
NEEDED = {"polygon": 3, "rectangle": 2, "circle": 2, "mask": 2, **dict.fromkeys(TURNED, 4)}  # points


class _Shape(BaseModel):
    label: str
    points: list[tuple[float, float]]
    shape_type: str | None = None
    mask: str | None = None


class _File(BaseModel):
    shapes: list[_Shape]
    imagePath: str
    imageWidth: Side | None = None
    imageHeight: Side | None = None


def recognise(content: Any) -> bool:
    """Return whether the keys are labelme's."""
    return isinstance(content, dict) and {"shapes", "imagePath"} <= content.keys()


def read(content: Any, file: Path) -> Album:
    """Read a picture. Raises ValueError if the content has another form."""
    parsed = _File.model_validate(content)
    shapes = []
    notes: Counter[str] = Counter()
    for number, shape in enumerate(parsed.shapes):
        kind = shape.shape_type or "polygon"
        try:
            region = _region(kind, shape)
        except ValueError as error:
            raise ValueError(f"shapes.{number}: {error}") from None
        if region is None:
            notes[f"shapes of the kind {kind}, which has no area: not drawn"] += 1
        else:
            shapes.append(Shape(spelled(shape.label), kind, region))
    size = (parsed.imageWidth, parsed.imageHeight) if parsed.imageWidth and parsed.imageHeight else None
    return Album((Drawing(parsed.imagePath, file, size, tuple(shapes)),), (), notes)


def _region(kind: str, shape: _Shape) -> Region | None:
    """Return the region, None for a shape without area. Raises ValueError."""
    points = ring([coordinate for point in shape.points for coordinate in point])
    if kind == "rectangle" and len(points) == 4:  # as X-AnyLabeling writes all of them
        kind = TURNED[0]
    needed = NEEDED.get(kind)
    if needed is None:
        return None
    if len(points) < needed or (kind != "polygon" and len(points) > needed):
        raise ValueError(f"a {kind} of {len(points)} points")
    if kind == "polygon" or kind in TURNED:
        return Rings((points,))
    (left, top), (right, bottom) = points.min(0), points.max(0)
    if kind == "rectangle":
        return rectangle(left, top, right, bottom)
    if kind == "circle":  # points: its centre, and one on its border
        radius = float(np.hypot(*(points[1] - points[0])))
        return ellipse(points[0][0], points[0][1], radius, radius)
    if not shape.mask:
        raise ValueError("a mask without content")
    return stamp(shape.mask, int(left), int(top))
