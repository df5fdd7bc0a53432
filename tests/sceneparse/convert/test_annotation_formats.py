"""sceneparse convert of annotation tools' files: each shape becomes the pixels that were counted by hand."""

import base64
import io

import numpy as np
import pytest
from annotated import ALL, BOTH, LOW, ONE, SHARE, SQUARE, UNDER, exchanged, maps, names, pictures
from mask_folders import converted, photo, refused, save, write
from PIL import Image
from tool_files import coco, cvat, flat, labelme, ls_task, percent, polygon, write_json

from sceneparse.convert.check import check
from sceneparse.convert.inspection import inspect

# A bow tie: its middle is inside, left and right are not.
CROSSED = ["01111100", "00111000", "00010000", "00111000", "01111100", "00000000"]
BOW = [[1, 0], [5, 0], [1, 4], [5, 4]]


pytestmark = pytest.mark.usefixtures("here")


def test_labelme(here, capsys):
    pictures(here / "photos")
    labelme(here / "json", "a", ("road", SQUARE), ("car", LOW))
    labelme(here / "json", "b", ("car", LOW), ("road", SQUARE), ("road", [[0.9, 0.2], [7.8, 5.9]], "line"))
    write(here / "c.txt", "road\ncar\n")
    assert names(maps(f"photos json --classes c.txt {SHARE}", a=BOTH, b=UNDER)) == ["road", "car"]
    shown = capsys.readouterr().out
    assert "labelme json: 2 pictures, 2 classes, 4 shapes (polygon 4)\n" in shown
    assert "1 shapes of the kind line, which has no area: not drawn\n" in shown
    members = maps(f"photos json {SHARE}", a=exchanged(BOTH), b=exchanged(UNDER))
    assert names(members) == ["car", "road"], "without a table: by name"


def test_a_coordinate_that_percents_have_rounded(here):
    pictures(here / "p")
    square = [[0.9999999, 1], [3, 0.9999999], [3, 3], [1, 3]]
    write_json(here / "x.json", coco((0, 0, [flat(square)]), (1, 0, [flat(SQUARE)])))
    maps(f"p x.json {SHARE}", a=ONE, b=ONE)


def test_kinds_of_labelme(here):
    png = io.BytesIO()
    Image.fromarray(np.array([[0, 1], [1, 1]], bool)).save(png, "PNG")
    pictures(here / "all", ["a.png", "b.png"])
    labelme(here / "all", "a", ("x", [[5, 3], [2, 1]], "rectangle"), imagePath="..\\elsewhere\\a.png")
    labelme(here / "all", "b", ("x", [[3, 2], [3, 4]], "circle"), imagePath="b.png")
    corners = ("x", [[2, 1], [5, 1], [5, 3], [2, 3]], "rectangle")  # as X-AnyLabeling writes it
    labelme(here / "corners", "a", corners, imagePath="a.png")
    labelme(here / "corners", "b", ("x", [[3, 2], [3, 4]], "circle"), imagePath="b.png")
    circle = ["00111000", *["01111100"] * 3, "00111000", "00000000"]
    for folder in ("all", "corners"):
        maps(f"all {folder} {SHARE}", a=[ALL[0], *["00111100"] * 3, *ALL[:2]], b=circle)
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
    without = {"id": 9, "image_id": 10, "category_id": 6}
    content["annotations"] += [without | {"bbox": [0, 0, 3, 3]}, without | {"segmentation": [], "keypoints": [1, 1, 2]}]
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
    box = '<box label="road" xtl="0.5" ytl="0.0" xbr="2.2" ybr="1.9"><attribute name="x">1</attribute></box>'
    points = '<points label="car" points="1.0,2.0" z_order="0"></points>'
    xml = cvat(("sub/a.jpg", polygon("road", SQUARE, z=1), polygon("car", LOW)), ("sub/b.jpg", box, mask, points))
    write(here / "annotations.xml", xml)
    b = ["11100000", "11100000", *ALL[:2], "00000002", "00000020"]
    members = maps(f"photos annotations.xml {SHARE}", a=UNDER, b=b)
    assert names(members) == ["road", "car"]
    shown = capsys.readouterr().out
    assert "annotations.xml: 2 pictures, 2 classes, 4 shapes (mask 1, polygon 2, rectangle 1)\n" in shown
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
    members = maps(f"photos project.json {SHARE}", a=exchanged(BOTH), b=b)
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


def test_tasks_of_label_studios_that_nobody_finished_say_nothing(here, capsys):
    """A skipped one may hold a drawn shape. An empty one that was submitted says that nothing is there."""
    pictures(here / "p", ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    square = ("polygonlabels", "x", {"points": percent(SQUARE)})
    drawn, skipped, empty = ls_task("a.jpg", square), ls_task("b.jpg", square), ls_task("d.jpg")
    skipped["annotations"][0]["was_cancelled"] = True
    write_json(here / "x.json", [drawn, skipped, ls_task("c.jpg") | {"annotations": []}, empty])
    line = f"p x.json --background ground {SHARE}"
    error = refused(line, "p/b.jpg: not in the annotations", "p/c.jpg: not in the annotations")
    assert "p/d.jpg" not in error.got
    rows = [row.translate(str.maketrans("01", "12")) for row in ONE]
    maps(f"{line} --unpaired skip", a=rows, d=["1" * 8] * 6)
    shown = capsys.readouterr().out
    assert "2 tasks that were skipped or not annotated: not drawn\n" in shown
    assert "1 pictures without a shape, 'ground' everywhere: p/d.jpg\n" in shown
    write_json(here / "x.json", [skipped])
    refused(f"p x.json {SHARE}", "no shapes to draw", got="1 tasks that were skipped or not annotated: not drawn")


def test_polygons_of_coco_without_area(here, capsys):
    pictures(here / "p")
    outlines = [(0, [[5, 0, 7, 5], flat(SQUARE)]), (0, [[5, 0, 7, 5]]), (1, [flat(SQUARE)]), (1, [[]]), (1, [[], []])]
    write_json(here / "x.json", coco(*((picture, 0, outline) for picture, outline in outlines)))
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
    assert names(maps(f"p x.json {SHARE}", a=ONE, b=exchanged(ONE))) == ["road", "car"]
    assert "1 categories without shapes that group others: no classes\n" in capsys.readouterr().out


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
    maps(f"photos i.json --classes t.csv --background ground {SHARE}", a=exchanged(rows), b=["2" * 8] * 6)


def test_labels_that_a_table_merges_ignores_and_lacks(here, capsys):
    pictures(here / "photos")
    outlines = [(0, 0, [flat(SQUARE)]), (0, 1, [flat(LOW)]), (1, 2, [flat(LOW)]), (1, 0, [[0, 0, 2, 0, 1, 0]])]
    write_json(here / "i.json", coco(*outlines, categories=("road", "car", "tree")))
    write(here / "t.csv", "name,label\nway,road\nignored,car\n")
    a = [ALL[0], "01110000", "01000000", "01000000", *ALL[:2]]
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
    maps("photos json --lists one.txt two.txt --out set.zip", a=["00000011", "00000011", *ALL[:4]], b=ALL, c=ONE)
    shown = capsys.readouterr().out
    assert "1 shapes outside their picture\n" in shown
    assert "1 pictures without a shape, 'other' everywhere: photos/b.jpg\n" in shown


def with_blanks(here, tool):
    """Two pictures' shapes, on both a 'road ' and on one a 'car', in a file or a folder of this name."""
    if tool == "labelme":
        labelme(here / "x", "a", ("road ", SQUARE), ("car", LOW))
        labelme(here / "x", "b", ("road ", SQUARE))
        return "x"
    if tool == "cvat":
        shapes = [("a.jpg", polygon("road ", SQUARE), polygon("car", LOW)), ("b.jpg", polygon("road ", SQUARE))]
        write(here / "x.xml", cvat(*shapes, labels=("road ", "car")))
        return "x.xml"
    square, low = {"points": percent(SQUARE)}, {"points": percent(LOW)}
    tasks = [
        ls_task("a.jpg", ("polygonlabels", "road ", square), ("polygonlabels", "car", low)),
        ls_task("b.jpg", ("polygonlabels", "road ", square)),
    ]
    drawn = [(0, 0, [flat(SQUARE)]), (0, 1, [flat(LOW)]), (1, 0, [flat(SQUARE)])]
    write_json(here / "x.json", tasks if tool == "label studio" else coco(*drawn, categories=("road ", "car")))
    return "x.json"


@pytest.mark.parametrize("tool", ["coco", "labelme", "label studio", "cvat"])
def test_blanks_at_the_ends_of_labels_do_not_count(here, tool):
    pictures(here / "p")
    file = with_blanks(here, tool)
    write(here / "t.csv", "name,label\nway,road\nvehicle,car\n")
    assert names(maps(f"p {file} --classes t.csv {SHARE}", a=BOTH, b=ONE)) == ["way", "vehicle"]
    by_name = tool in ("labelme", "label studio")  # their files have no list of labels
    rows = [exchanged(BOTH), exchanged(ONE)] if by_name else [BOTH, ONE]
    assert names(maps(f"p {file} {SHARE}", a=rows[0], b=rows[1])) == (["car", "road"] if by_name else ["road", "car"])
