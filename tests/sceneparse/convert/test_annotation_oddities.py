"""Files of annotation tools with one value exchanged for an odd one: drawn or refused, never anything else."""

import base64
import copy
import json
import math
from itertools import islice, product
from xml.etree import ElementTree

import numpy as np
import pytest
from annotated import LOW, SIZE, SQUARE, pictures
from mask_folders import write
from PIL import Image
from tool_files import brush, coco, cvat, flat, ls_task, percent, polygon

from sceneparse.convert.annotations.album import Drawn, annotate_source
from sceneparse.convert.annotations.matching import pair_drawings
from sceneparse.convert.annotations.recognition import read_files
from sceneparse.convert.hints import UnfitError
from sceneparse.convert.mask_legend import name_labels, read_labels, read_legend
from sceneparse.convert.picture_files import NamedFile
from sceneparse.core.errors import InputError
from sceneparse.dataset.images import encode_annotation

ODD = (None, True, -1, 0, 10**400, 2**70, 0.5, math.nan, math.inf, 1e300)
ODD += ("", "x", "\0", "../..", [], [[]], [None], {}, {"x": 1})
TEXTS = ("", "x", "-1", "nan", "inf", "1e999", "9" * 400, "1,2", ";", ",;,", "\u2028", "../..")

PNG = base64.b64encode(encode_annotation(Image.new("L", (2, 2)))).decode()
LABELME = {
    "shapes": [
        {"label": "a", "points": SQUARE, "shape_type": "polygon"},
        {"label": "b", "points": [[1, 1], [4, 3]], "shape_type": "rectangle"},
        {"label": "c", "points": [[1, 1], [4, 3]], "shape_type": "circle"},
        {"label": "d", "points": [[1, 1], [2, 2]], "shape_type": "mask", "mask": PNG},
    ],
    "imagePath": "a.jpg",
    "imageWidth": SIZE[0],
    "imageHeight": SIZE[1],
}
RUNS = {"counts": [3, 4, 41], "size": [6, 8]}
BOX = {"x": 1, "y": 2, "width": 30, "height": 40, "rotation": 3}
ROUND = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 30, "rotation": 3}
FILES = {
    "coco": coco((0, 0, [flat(SQUARE)]), (1, 1, RUNS), (1, 1, {"counts": "34Y1", "size": [6, 8]})),
    "labelme": LABELME,
    "label studio": [
        ls_task("a.jpg", ("polygonlabels", "x", {"points": percent(LOW)}), ("rectanglelabels", "y", BOX)),
        ls_task(
            "b.jpg", ("ellipselabels", "x", ROUND), ("brushlabels", "x", {"rle": list(brush(np.zeros((6, 8), bool)))})
        ),
    ],
    "list": {"road": 7, "car": [1, 2], "sky": "#ff0000"},
    "rows": [
        {"name": "road", "id": 7},
        {"name": "car", "colour": [1, 2, 3]},
        {"name": "x", "label": "y", "value": [3]},
    ],
}
XML = cvat(
    ("a.jpg", polygon("road", SQUARE), "<box label='car' xtl='1' ytl='1' xbr='3' ybr='4' rotation='7' z_order='1'/>"),
    ("b.jpg", "<mask label='car' rle='1, 2, 1' left='6' top='4' width='2' height='2' z_order='0'/>"),
    ("c.jpg", "<ellipse label='car' cx='3' cy='2' rx='1' ry='2' rotation='9' z_order='0'/>"),
)


def variants(content):
    """The content with each value in turn, and each key, exchanged."""
    if isinstance(content, dict | list):
        for key, value in list(content.items() if isinstance(content, dict) else enumerate(content)):
            for odd in (*ODD, *([[value], value[:1], value * 2] if isinstance(value, list) else [])):
                other = copy.copy(content)
                other[key] = odd
                yield other
            rest = copy.copy(content)
            del rest[key]
            yield rest
            for inner in variants(value):
                other = copy.copy(content)
                other[key] = inner
                yield other


def use(path, pictures):
    """Read, pair and draw; whether that was possible."""
    try:
        album, _ = read_files([path])
        pairs, _ = pair_drawings(pictures, album.drawings, True, "here")
        legend = name_labels(album.classes or sorted(album.labels()), None, path)
    except InputError:
        return False
    for pair in pairs:
        try:
            assert isinstance(pair, Drawn)
            assert annotate_source(pair, legend, None)[0].shape in (SIZE, SIZE[::-1])
        except UnfitError:
            return False
    return True


@pytest.fixture
def some(tmp_path):
    pictures(tmp_path, ("a.jpg", "b.jpg", "c.jpg"))
    return [NamedFile(name, tmp_path / f"{name}.jpg") for name in "abc"]


# Of so many odd files one is tried.
STEPS = pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.exhaustive)])


@STEPS
@pytest.mark.parametrize("name", ["coco", "labelme", "label studio"])
def test_json(tmp_path, some, name, step):
    path = tmp_path / "x.json"
    outcomes = []
    path.write_text(json.dumps(FILES[name]))
    assert use(path, some)
    for content in islice(variants(FILES[name]), 0, None, step):
        path.write_text(json.dumps(content))
        outcomes.append(use(path, some))
    assert len(outcomes) > 500 / step
    assert 0.02 < sum(outcomes) / len(outcomes) < 0.98, "some are used, some are refused"


@STEPS
def test_xml(tmp_path, some, step):
    path = tmp_path / "x.xml"
    outcomes = []
    parsed = ElementTree.fromstring(XML)  # noqa: S314 - the test's own
    places = ((number, key) for number, element in enumerate(parsed.iter()) for key in element.attrib)
    for (number, key), text in islice(product(places, TEXTS), 0, None, step):
        tree = copy.deepcopy(parsed)
        list(tree.iter())[number].set(key, text)
        path.write_bytes(ElementTree.tostring(tree))
        outcomes.append(use(path, some))
    assert len(outcomes) > 300 / step
    assert 0.02 < sum(outcomes) / len(outcomes) < 0.98


@STEPS
@pytest.mark.parametrize("name", ["list", "rows", "coco"])
def test_class_lists(tmp_path, name, step):
    read = 0
    for content in islice(variants(FILES[name]), 0, None, step):
        path = write(tmp_path / "x.json", json.dumps(content))
        for reader in (lambda path: read_legend(path, "value", None), lambda path: read_labels(path, "road")):
            try:
                read += bool(reader(path).names)
            except InputError:
                continue
    assert read
