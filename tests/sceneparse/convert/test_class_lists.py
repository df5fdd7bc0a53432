"""Class lists and split lists in the forms that tools and people write, each read to the same classes or splits."""

import json

import pytest
from annotated import pictures
from mask_folders import converted, drawn, refused, save, split_of, write
from PIL import Image
from tool_files import coco

from sceneparse.convert.mask_legend import read_labels, read_legend

VALUES = (("sky", "road"), {0: 1, 1: 2})
COLOURS = (("sky", "road"), {0x0000FF: 1, 0x808080: 2})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("_classes.csv", "Pixel Value, Class\n0, sky\n1, road\n", VALUES),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nsky:0,0,255::\nroad:128,128,128::\n", COLOURS),
        ("label_colors.txt", "0 0 255\t\tsky\n128 128 128\troad\n", COLOURS),
        ("class_dict.csv", "name,r,g,b\nsky,0,0,255\nroad,128,128,128\n", COLOURS),
        ("a.csv", "NAME\tRed\tGreen\tBlue\nsky\t0\t0\t255\nroad\t128\t128\t128\n", COLOURS),
        ("a.csv", "name;colour\nsky;0,0,255\nroad;#808080\n", COLOURS),
        ("a.csv", 'color, name\n"0, 0, 255", sky\n(128 128 128), road\n', COLOURS),
        ("names.txt", "sky\nroad\n", VALUES),
        ("names.txt", "# two\r\n\r\n  sky \r\nroad\r\n", VALUES),
        ("names.txt", "0: sky\n1: road\n", VALUES),
        ("names.txt", "0 sky\n1 road\n", VALUES),
        ("objectInfo150.txt", "Idx\tRatio\tName\n0\t0.5\tsky\n1\t0.5\troad\n", VALUES),
        ("a.json", '["sky", "road"]', VALUES),
        ("a.json", '{"sky": 0, "road": 1}', VALUES),
        ("a.json", '{"0": "sky", "1": "road"}', VALUES),
        ("a.json", '{"id2label": {"0": "sky", "1": "road"}, "num_labels": 2}', VALUES),
        ("a.json", '{"sky": [0, 0, 255], "road": "#808080"}', COLOURS),
        ("a.json", '[{"name": "sky", "color": ["#0000FF"]}, {"name": "road", "color": [[128, 128, 128]]}]', COLOURS),
        (
            "a.json",
            '[{"name": "sky", "r": 0, "g": 0, "b": 255}, {"name": "road", "r": 128, "g": 128, "b": 128}]',
            COLOURS,
        ),
        ("a.json", '[{"label": "sky", "id": 0}, {"label": "road", "id": 1}]', VALUES),
        ("_.json", '{"classes": [{"title":"sky", "color":"#0000ff"}, {"title":"road", "color":"#808080"}]}', COLOURS),
        ("a.json", '{"sky": {"id": 0}, "road": {"id": 1}}', VALUES),
        ("a.json", json.dumps(coco(categories=("sky", "road"))), (("sky", "road"), {5: 1, 6: 2})),
        ("a.txt", '["sky", "road"]', VALUES),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_forms(tmp_path, name, text, expected, encoding):
    (tmp_path / name).write_bytes(text.encode(encoding))
    legend = read_legend(tmp_path / name, None, None)
    names, codes = expected
    ignored = {} if legend.by_colour else {255: 0}
    assert (legend.names, dict(legend.codes), legend.note) == (names, codes | ignored, "")
    assert dict(read_labels(tmp_path / name, None).labels) == {"sky": 1, "road": 2}


def test_names_of_labelme(tmp_path):
    """__ignore__ has the number -1, which labelme saves as 255; the background follows with 0."""
    path = write(tmp_path / "labels.txt", "__ignore__\n_background_\ncar\n")
    legend = read_legend(path, None, None)
    assert (legend.names, dict(legend.codes)) == (("_background_", "car"), {255: 0, 0: 1, 1: 2})
    legend = read_labels(path, "_background_")
    assert (dict(legend.labels), legend.background) == ({"__ignore__": 0, "_background_": 1, "car": 2}, 1)


def test_windows_1252_is_read_and_said(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("name,value\nStraße,0\nroad,1\n".encode("cp1252"))
    legend = read_legend(path, None, None)
    assert legend.names == ("Straße", "road")
    assert legend.note == f"{path} is not UTF-8: read as Windows-1252, such as Straße"


@pytest.fixture
def pets(here):
    names = ["pet_1", "my pet 2", "pet_3"]
    pictures(here / "images", [f"{name}.jpg" for name in names])
    for seed, name in enumerate(names):
        save(here / f"masks/{name}.png", Image.fromarray(drawn(seed, [0, 1], (8, 6))))
    write(here / "c.txt", "sky\nroad\n")
    return here


@pytest.mark.parametrize(
    ("name", "train", "val"),
    [
        ("pairs", "i/pet_1.jpg m/pet_1.png\ni/my pet 2.jpg m/pet_3.png\n", "pet_3.jpg m/pet_3.png"),
        ("pets", "#Image CLASS-ID SPECIES\npet_1 1 1 1\nmy pet 2\n", "pet_3 2 1 1\n"),
        ("windows", "\ufeffimages\\pet_1.jpg\r\nC:\\x\\my pet 2.jpg\r\n\r\n", "pet_3\r\n"),
        ("slashes", "/JPEGImages/pet_1.jpg /SegmentationClass/pet_1.png\n/my pet 2.jpg\n", "./images/pet_3.jpg\n"),
        ("commas", '"pet_1.jpg",dog\n"my pet 2.jpg",cat\n', "pet_3,cat\n"),
        ("tabs", "pet_1\t1\nmy pet 2.JPG\t2\n", "pet_3\t1\n"),
        ("json", '["pet_1.jpg", "my pet 2.jpg"]', '["pet_3"]'),
        ("coco", json.dumps(coco(images=("x/pet_1.jpg", "my pet 2.jpg"))), json.dumps(coco(images=("pet_3.jpg",)))),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_split_lists(pets, name, train, val, encoding):
    (pets / "train.txt").write_bytes(train.encode(encoding))
    (pets / "val.txt").write_bytes(val.encode(encoding))
    path = converted("images masks --classes c.txt --lists train.txt val.txt --out set.zip")
    assert split_of(path) == {"pet_1": "training", "my pet 2": "training", "pet_3": "validation"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"annotations": []}', "val.txt: expected COCO's instances or a list of names, in JSON"),
        ('[{"a": 1}]', "val.txt: expected COCO's instances or a list of names"),
        ("[", "val.txt: Expecting"),
        ("pet_4 1 1\n", "val.txt: pet_4 1 1: no pairs of this name"),
    ],
)
def test_split_lists_that_cannot_be_used(pets, text, expected):
    write(pets / "train.txt", "pet_1\n")
    write(pets / "val.txt", text)
    refused("images masks --classes c.txt --lists train.txt val.txt --out set.zip", expected)
