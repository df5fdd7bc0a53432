"""CVAT for images 1.1: one XML for all pictures, with the labels, and shapes that have a z_order.

A mask is a list of run lengths along the rows of its box; the first run lies outside the mask.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from sceneparse.convert.annotations.album import Album, Drawing, Shape
from sceneparse.convert.annotations.regions import Region, Rings, ellipse, rectangle, ring, run_lengths
from sceneparse.convert.spelling import spelled

NO_SHAPES = ("attribute", "tag")


def recognise(content: Any) -> bool:
    """Return whether the elements are those of CVAT for images."""
    return isinstance(content, Element) and content.tag == "annotations" and content.find("image") is not None


def read(content: Any, file: Path) -> Album:
    """Read all pictures. Raises ValueError if the content has another form."""
    notes: Counter[str] = Counter()
    drawings = []
    for picture in content.iterfind("image"):
        name = _text(picture, "name")
        shapes = []
        for number, element in enumerate(picture):
            try:
                shape = _shape(element, notes)
            except ValueError as error:
                raise ValueError(f"image {name}, element {number} ({element.tag}): {error}") from None
            if shape:
                shapes.append((_number(element, "z_order", "0"), shape))
        shapes.sort(key=lambda ordered: ordered[0])  # a later shape stays above an equal one
        size = int(_number(picture, "width")), int(_number(picture, "height"))
        drawn = tuple(shape for _, shape in shapes)
        drawings.append(Drawing(name, file, size, drawn, picture.get("subset", "")))
    labels = [spelled(label.text) for label in content.iterfind("meta//labels/label/name") if label.text]
    return Album(tuple(drawings), tuple(dict.fromkeys(labels)), notes)


def _shape(element: Element, notes: Counter[str]) -> Shape | None:
    if element.tag in REGIONS:
        kind, region = REGIONS[element.tag]
        return Shape(spelled(_text(element, "label")), kind, region(element))
    if element.tag not in NO_SHAPES:
        notes[f"shapes of the kind {element.tag}, which has no area: not drawn"] += 1
    return None


def _polygon(element: Element) -> Region:
    points = ring(_numbers(element, "points"))
    if len(points) < 3:
        raise ValueError(f"a polygon of {len(points)} points")
    return Rings((points,))


def _box(element: Element) -> Region:
    left, top, right, bottom = (_number(element, key) for key in ("xtl", "ytl", "xbr", "ybr"))
    return rectangle(left, top, right, bottom, _number(element, "rotation", "0"))


def _ellipse(element: Element) -> Region:
    x, y, wide, high = (_number(element, key) for key in ("cx", "cy", "rx", "ry"))
    return ellipse(x, y, wide, high, _number(element, "rotation", "0"))


def _mask(element: Element) -> Region:
    left, top, width, height = (int(_number(element, key)) for key in ("left", "top", "width", "height"))
    counts = [int(number) for number in _numbers(element, "rle")]
    return run_lengths(counts, height, width, False, left, top)


REGIONS: dict[str, tuple[str, Callable[[Element], Region]]] = {
    "polygon": ("polygon", _polygon),
    "box": ("rectangle", _box),
    "ellipse": ("ellipse", _ellipse),
    "mask": ("mask", _mask),
}


def _text(element: Element, key: str) -> str:
    text = element.get(key)
    if not text:
        raise ValueError(f"{element.tag} has no {key}")
    return text


def _number(element: Element, key: str, default: str | None = None) -> float:
    """Return a number that fits a picture's coordinates. Raises ValueError."""
    text = element.get(key, default)
    try:
        return float(ring([float(text or ""), 0])[0, 0])
    except ValueError:
        raise ValueError(f"{key} is {text!r}") from None


def _numbers(element: Element, key: str) -> list[float]:
    text = _text(element, key)
    try:
        return [float(number) for number in text.replace(";", ",").split(",")]
    except ValueError:
        raise ValueError(f"{key}: expected numbers, got {text!r:.60}") from None
