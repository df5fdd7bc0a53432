"""sceneparse convert of annotation tools' files: each shape becomes the pixels that were counted by hand."""

import base64
import io
import unicodedata

import numpy as np
import pytest
from annotated import (
    ALL,
    LOW,
    SHARE,
    SIZE,
    SQUARE,
    coco,
    cvat,
    flat,
    labelme,
    maps,
    names,
    percent,
    pictures,
    polygon,
    write_json,
)
from annotated import task as ls_task
from mask_folders import annotation, contents, converted, photo, save, split_of, write
from PIL import Image

from sceneparse.convert.check import check
from sceneparse.convert.inspection import inspect

BOTH = [  # the square is 1, the low one 2, above it
    "00000000",
    "01110000",
    "01222220",
    "01222220",
    "00222220",
    "00000000",
]
UNDER = [  # the square above
    "00000000",
    "01110000",
    "01112220",
    "01112220",
    "00222220",
    "00000000",
]
CROSSED = [  # a bow tie: its middle is inside, left and right are not
    "01111100",
    "00111000",
    "00010000",
    "00111000",
    "01111100",
    "00000000",
]
ONE = [ALL[0], *["01110000"] * 3, *ALL[:2]]
BOW = [[1, 0], [5, 0], [1, 4], [5, 4]]


pytestmark = pytest.mark.usefixtures("here")


def test_labelme(here, capsys):
    pictures(here / "photos")
    labelme(here / "json", "a", ("road", SQUARE), ("car", LOW))
    labelme(here / "json", "b", ("car", LOW), ("road", SQUARE), ("road", [[0.9, 0.2], [7.8, 5.9]], "line"))
    members = maps(
        f"photos json --classes c.txt {SHARE}" if write(here / "c.txt", "road\ncar\n") else "", a=BOTH, b=UNDER
    )
    assert names(members) == ["road", "car"]
    shown = capsys.readouterr().out
    assert "labelme json: 2 pictures, 2 classes, 4 shapes (polygon 4)\n" in shown
    assert "1 shapes of the kind line, which has no area: not drawn\n" in shown
    members = maps(
        f"photos json {SHARE}",
        a=[row.translate({49: "2", 50: "1"}) for row in BOTH],
        b=[row.translate({49: "2", 50: "1"}) for row in UNDER],
    )
    assert names(members) == ["car", "road"], "without a table: by name"


def test_kinds_of_labelme(here):
    png = io.BytesIO()
    Image.fromarray(np.array([[0, 1], [1, 1]], bool)).save(png, "PNG")
    pictures(here / "all", ["a.png", "b.png"])
    labelme(here / "all", "a", ("x", [[5, 3], [2, 1]], "rectangle"), imagePath="..\\elsewhere\\a.png")
    labelme(here / "all", "b", ("x", [[3, 2], [3, 4]], "circle"), imagePath="b.png")
    maps(
        f"all all {SHARE}",
        a=["00000000", "00111100", "00111100", "00111100", "00000000", "00000000"],
        b=["00111000", "01111100", "01111100", "01111100", "00111000", "00000000"],
    )
    shape = {"label": "x", "points": [[6, 1], [7, 2]], "shape_type": "mask"}
    shape["mask"] = base64.b64encode(png.getvalue()).decode()
    write_json(here / "all/a.json", {"shapes": [shape], "imagePath": "a.png", "imageWidth": 8, "imageHeight": 6})
    labelme(here / "all", "b", ("x", BOW), imagePath="b.png")
    maps(f"all all {SHARE}", a=[ALL[0], "00000001", "00000011", *ALL[:3]], b=CROSSED)


def test_coco(here, capsys):
    pictures(here / "photos")
    holes = {"counts": [0, 3, 5, 1, 38, 1], "size": [6, 8]}  # down the columns
    content = coco(
        (0, 0, [flat(SQUARE)]),
        (1, 1, holes),
        (0, 1, [flat(LOW)]),
        (1, 0, [flat([[7, 0], [7, 1], [6, 1]]), flat([[7, 4], [7, 5], [6, 5]])]),
    )
    content["annotations"][1]["iscrowd"] = 1
    content["annotations"].append({"id": 9, "image_id": 10, "category_id": 6, "bbox": [0, 0, 3, 3]})
    content["annotations"].append(
        {"id": 9, "image_id": 10, "category_id": 6, "segmentation": [], "keypoints": [1, 1, 2]}
    )
    write_json(here / "instances.json", content)
    b = np.zeros((6, 8), int)
    b[0:3, 0], b[2, 1], b[5, 7] = 2, 2, 2
    b[0, 7] = b[1, 7] = b[1, 6] = b[4, 7] = b[5, 7] = b[5, 6] = 1
    members = maps(f"photos instances.json {SHARE}", a=BOTH, b=["".join(map(str, row)) for row in b.tolist()])
    assert names(members) == ["road", "car"]
    shown = capsys.readouterr().out
    assert "COCO instances.json: 2 pictures, 2 classes, 4 shapes (mask 1, polygon 3)\n" in shown
    assert "2 annotations with a box or keypoints and no outline: not drawn\n" in shown
    assert "1 regions of crowds, drawn like others\n" in shown


def test_cvat(here, capsys):
    pictures(here / "photos")
    mask = '<mask label="car" rle="1, 2, 1" left="6" top="4" width="2" height="2" z_order="0"></mask>'
    box = (
        '<box label="road" xtl="0.5" ytl="0.0" xbr="2.2" ybr="1.9" z_order="0"><attribute name="x">1</attribute></box>'
    )
    points = '<points label="car" points="1.0,2.0" z_order="0"></points>'
    xml = cvat(("sub/a.jpg", polygon("road", SQUARE, z=1), polygon("car", LOW)), ("sub/b.jpg", box, mask, points))
    write(here / "annotations.xml", xml)
    b = ["11100000", "11100000", *ALL[:2], "00000002", "00000020"]
    members = maps(f"photos annotations.xml {SHARE}", a=UNDER, b=b)
    assert names(members) == ["road", "car"]
    shown = capsys.readouterr().out
    assert (
        "CVAT for images annotations.xml: 2 pictures, 2 classes, 4 shapes (mask 1, polygon 2, rectangle 1)\n" in shown
    )
    assert "1 shapes of the kind points, which has no area: not drawn\n" in shown
    ellipse = '<ellipse label="car" cx="3.0" cy="2.0" rx="1.0" ry="2.0" rotation="90.00" z_order="0"></ellipse>'
    turned = '<box label="road" xtl="2" ytl="1" xbr="6" ybr="3" rotation="90" z_order="0"></box>'
    write(here / "annotations.xml", cvat(("a.jpg", turned), ("b.jpg", ellipse)))
    a = ["00011100"] * 5 + ["00000000"]
    b = [ALL[0], "00222000", "02222200", "00222000", *ALL[:2]]
    maps(f"photos annotations.xml {SHARE}", a=a, b=b)


def test_label_studio(here, capsys):
    pictures(here / "photos", ["a.jpg", "b.jpg"])
    square = {"points": percent(SQUARE), "closed": True}
    box = {"x": 25, "y": 100 / 3, "width": 50, "height": 100 / 3, "rotation": 0}
    done = ls_task("/data/upload/3/0a1b2c3d-a.jpg", ("polygonlabels", "road", square), ("rectanglelabels", "car", box))
    done["annotations"].append({"id": 2, "result": []})
    turned = {"x": 50, "y": 0, "width": 25, "height": 100 / 3, "rotation": 90}
    other = ls_task(
        "/data/local-files/?d=photos%2Fb.jpg",
        ("rectanglelabels", "road", turned),
        ("keypointlabels", "car", {"x": 1, "y": 1}),
        ("choices", None, {"choices": ["day"]}),
    )
    write_json(here / "project.json", [done, other])
    b = ["00222000", "00222000", "00222000", *ALL[:3]]
    members = maps(f"photos project.json {SHARE}", a=[row.translate({49: "2", 50: "1"}) for row in BOTH], b=b)
    assert names(members) == ["car", "road"]
    shown = capsys.readouterr().out
    assert "Label Studio JSON project.json: 2 pictures, 2 classes, 3 shapes (polygon 1, rectangle 2)\n" in shown
    assert "1 further annotations of a picture that has one: not drawn\n" in shown
    assert "1 results of the kind keypointlabels, which has no area: not drawn\n" in shown
    assert "choices" not in shown


def test_which_annotation_of_label_studios_counts(here):
    pictures(here / "p")
    tasks = [ls_task(name, ("polygonlabels", "x", {"points": percent(SQUARE)})) for name in ("a.jpg", "b.jpg")]
    for task in tasks:
        low = ls_task("", ("polygonlabels", "x", {"points": percent(LOW)}))["annotations"]
        task["annotations"] += low
    tasks[0]["annotations"][0]["was_cancelled"] = True
    tasks[1]["annotations"][1]["ground_truth"] = True
    write_json(here / "x.json", tasks)
    rows = [*ALL[:2], *["00111110"] * 3, ALL[0]]
    maps(f"p x.json {SHARE}", a=rows, b=rows)
    for task in tasks:
        task["completions"] = task.pop("annotations")
        for result in task["completions"][1]["result"]:  # a tool without labels, and a label with the same id
            result["type"] = "polygon"
            del result["value"]["polygonlabels"]
        task["completions"][1]["result"].append({"type": "labels", "id": "r0", "value": {"labels": ["x", "y"]}})
    write_json(here / "x.json", tasks)
    maps(f"p x.json {SHARE}", a=rows, b=rows)


def test_polygons_of_coco_without_area(here, capsys):
    pictures(here / "p")
    annotations = (
        (0, 0, [[5, 0, 7, 5], flat(SQUARE)]),
        (0, 0, [[5, 0, 7, 5]]),
        (1, 0, [flat(SQUARE)]),
        (1, 0, [[]]),
        (1, 0, [[], []]),
    )
    write_json(here / "x.json", coco(*annotations))
    maps(f"p x.json {SHARE}", a=ONE, b=ONE)
    shown = capsys.readouterr().out
    assert "4 polygons of fewer than three points: not drawn\n" in shown
    assert "1 annotations with a box or keypoints and no outline: not drawn\n" in shown


def test_a_category_that_groups_others_is_no_class(here, capsys):
    pictures(here / "p")
    content = coco((0, 1, [flat(SQUARE)]), (1, 2, [flat(SQUARE)]), categories=("scene", "road", "car"))
    for category in content["categories"]:
        category["supercategory"] = "none" if category["name"] == "scene" else "scene"
    write_json(here / "x.json", content)
    members = maps(
        f"p x.json {SHARE}", a=[row.replace("2", "1") for row in ONE], b=[row.replace("1", "2") for row in ONE]
    )
    assert names(members) == ["road", "car"]
    assert "1 categories without shapes that group others: no classes\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../day/a.jpg", "j/x/a.json"),
        ("..\\..\\day\\A.JPG", "j/x/a.json"),
        ("a.jpg", "day/a.json"),
        ("night/../a.jpg", "day/a.json"),
        ("C:\\old\\day\\a.png", "j/a.json"),
        ("/mnt/set/day/a.jpg", "j/a.json"),
        (unicodedata.normalize("NFD", "ä.jpg"), "j/a.json"),
        (unicodedata.normalize("NFC", "ä.jpg"), "j/a.json"),
    ],
)
def test_how_pictures_are_named(here, name, file):
    """Folders in a name tell two pictures a.jpg apart."""
    accented = unicodedata.normalize("NFD", "x/ä.jpg")
    pictures(here, ["day/a.jpg", "night/a.jpg", accented, "x/b.jpg"])
    content = {"shapes": [{"label": "x", "points": SQUARE}], "imagePath": name}
    write_json(here / file, content)
    write_json(here / "j/b.json", content | {"imagePath": "b.jpg"})
    members = contents(converted(f". . --unpaired skip {SHARE}"))
    wanted = "day/a.jpg" if "a." in unicodedata.normalize("NFC", name).lower() else accented
    images = {content for member, content in members.items() if member.startswith("images")}
    assert images == {(here / path).read_bytes() for path in (wanted, "x/b.jpg")}


def test_a_coordinate_that_percents_have_rounded(here):
    pictures(here / "p")
    square = [[0.9999999, 1], [3, 0.9999999], [3, 3], [1, 3]]
    write_json(here / "x.json", coco((0, 0, [flat(square)]), (1, 0, [flat(SQUARE)])))
    maps(f"p x.json {SHARE}", a=ONE, b=ONE)


def test_files_beside_that_are_no_annotations(here):
    """Masks that have pictures' names come first; a class table is no annotation."""
    pictures(here / "p")
    for name in "ab":
        save(here / f"m/{name}.png", Image.fromarray(np.array([[int(x) for x in row] for row in BOTH], np.uint8)))
        labelme(here / "m", name, ("x", SQUARE))
    write(here / "m/classes.json", '["other", "road", "car"]')
    rows = [row.translate({48: "1", 49: "2", 50: "3"}) for row in BOTH]
    maps(f"p m --classes m/classes.json {SHARE}", a=rows, b=rows)
    for name in "ab":
        (here / f"m/{name}.png").unlink()
    write(here / "m/classes.json", '["x"]')
    maps(f"p m --classes m/classes.json {SHARE}", a=ONE, b=ONE)


def test_from_labelme_to_check_without_errors(here, capsys):
    for seed in range(8):
        save(here / f"photos/{seed}.jpg", photo(seed, (40, 30)))
        labelme(here / "photos", str(seed), ("car", [[5, 5], [25, 5], [15, 20]]), imageWidth=40, imageHeight=30)
    path = converted("photos photos --background ground --share 0.25 --out set.zip --batch-size 2")
    check(path, as_json=False, batch_size=2)
    assert "0 errors, 0 warnings" in capsys.readouterr().out.rpartition("split  ")[2]
    assert inspect(path, 2).classes == ("ground", "car")


def test_background(here):
    pictures(here / "photos")
    write_json(here / "i.json", coco((0, 0, [flat(SQUARE)])))
    rows = ["11111111", "12221111", "12221111", "12221111", "11111111", "11111111"]
    members = maps(f"photos i.json --background other {SHARE}", a=rows, b=["1" * 8] * 6)
    assert names(members) == ["other", "road", "car"]
    table = "name,label\nvehicle,car\nground,_background_\nvehicle,road\n"
    write(here / "t.csv", table)
    rows = [row.translate({49: "2", 50: "1"}) for row in rows]
    maps(f"photos i.json --classes t.csv --background ground {SHARE}", a=rows, b=["2" * 8] * 6)


def test_labels_that_a_table_merges_ignores_and_lacks(here, capsys):
    pictures(here / "photos")
    write_json(
        here / "i.json",
        coco(
            (0, 0, [flat(SQUARE)]),
            (0, 1, [flat(LOW)]),
            (1, 2, [flat(LOW)]),
            (1, 0, [[0, 0, 2, 0, 1, 0]]),
            categories=("road", "car", "tree"),
        ),
    )
    write(here / "t.csv", "name,label\nway,road\nignored,car\n")
    a = ["00000000", "01110000", "01000000", "01000000", "00000000", "00000000"]
    maps(f"photos i.json --classes t.csv --unknown ignore {SHARE}", a=a, b=["11100000", *ALL[1:]])
    assert "not in the class table, drawn as 0: tree: 1 shapes in 1 pictures: b.jpg\n" in capsys.readouterr().out


def test_shapes_outside_and_pictures_without_shapes_are_counted(here, capsys):
    pictures(here / "photos", ["a.jpg", "b.jpg", "c.jpg"])
    write(here / "two.txt", "b.jpg\nc\n")
    write(here / "one.txt", "a\n")
    far = [[x + 100, y - 30] for x, y in SQUARE]
    half = [[x + 5, y - 2] for x, y in SQUARE]
    labelme(here / "json", "a", ("car", far), ("car", half))
    labelme(here / "json", "b")
    labelme(here / "json", "c", ("car", SQUARE))
    c = [ALL[0], *["01110000"] * 3, *ALL[:2]]
    maps("photos json --lists one.txt two.txt --out set.zip", a=["00000011", "00000011", *ALL[:4]], b=ALL, c=c)
    shown = capsys.readouterr().out
    assert "1 shapes outside their picture\n" in shown
    assert "1 pictures without a shape, 'other' everywhere: photos/b.jpg\n" in shown


def test_folders_subsets_and_lists_split(here):
    pictures(here / "set", ["train/a.jpg", "valid/a.jpg", "test/c.jpg"])
    for split, name in (("train", "a.jpg"), ("valid", "a.jpg"), ("test", "c.jpg")):
        write_json(here / f"set/{split}/_annotations.coco.json", coco((0, 0, [flat(SQUARE)]), images=(name,)))
    assert split_of(converted("set set --folders --out set.zip")) == {"train_a": "training", "valid_a": "validation"}
    pictures(here / "photos")
    xml = cvat(("a.jpg", polygon("road", SQUARE)), ("b.jpg", polygon("road", SQUARE)))
    write(
        here / "x.xml",
        xml.replace('name="a.jpg"', 'name="a.jpg" subset="Validation"').replace(
            'name="b.jpg"', 'name="b.jpg" subset="Train"'
        ),
    )
    assert split_of(converted("photos x.xml --folders --out set.zip")) == {"a": "validation", "b": "training"}
    pictures(here / "p", ["1.jpg", "2.jpg"])
    write_json(here / "ann/instances_val.json", coco((0, 0, [flat(SQUARE)]), images=("1.jpg",)))
    write_json(here / "ann/instances_train.json", coco((0, 0, [flat(SQUARE)]), images=("2.jpg",)))
    lists = "--lists ann/instances_train.json ann/instances_val.json"
    assert split_of(converted(f"p ann {lists} --out set.zip")) == {"2": "training", "1": "validation"}


def test_many_files_are_drawn_in_processes(here):
    for number in range(110):
        save(here / f"p/{number}.png", photo(number, SIZE))
        labelme(here / "p", str(number), ("car", LOW), ("road", SQUARE), imagePath=f"{number}.png")
    members = contents(converted("p p --share 0.5 --out set.zip"))
    drawn = [annotation(content) for name, content in members.items() if name.startswith("annotations/")]
    assert drawn == [[[int(digit) for digit in row.translate({49: "2", 50: "1"})] for row in UNDER]] * 110, "car, road"


def test_a_picture_lying_on_its_side_is_turned_as_the_file_says(here, capsys):
    """labelme shows, and notes the size of, the upright picture; where it notes the stored size nothing is turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    save(here / "p/a.jpg", photo(0, SIZE[::-1]), exif=exif)
    save(here / "p/b.jpg", photo(1, SIZE[::-1]), exif=exif)
    labelme(here / "p", "a", ("car", LOW))
    labelme(here / "p", "b", ("car", SQUARE), imageWidth=6, imageHeight=8)
    a = [row.replace("2", "1") for row in (*ALL[:2], *["00222220"] * 3, ALL[0])]
    members = maps(f"p p {SHARE}", a=a, b=["000000", *["011100"] * 3, *["000000"] * 4])
    assert "1 pictures turned upright, as EXIF and masks say, and made PNG: p/a.jpg\n" in capsys.readouterr().out
    assert sorted(name.split("/")[2] for name in members if name.startswith("images")) == ["a.png", "b.jpg"]
