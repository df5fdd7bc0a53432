"""Files of annotation tools that cannot be used: refused by name, with the place in the file and the way."""

import base64
import json

import pytest
from annotated import LOW, SHARE, SQUARE, pictures
from mask_folders import converted, photo, refused, save, write
from tool_files import coco, cvat, flat, labelme, ls_task, percent, polygon, write_json

NAN, HUGE = float("nan"), 1e300
CORNER = flat(SQUARE)


@pytest.fixture(autouse=True)
def some_pictures(here):
    pictures(here / "p")


def shape(**more):
    return {"shapes": [{"label": "x", "points": SQUARE} | more], "imagePath": "a.jpg"}


def result(**more):
    task = ls_task("a.jpg", ("polygonlabels", "x", {"points": percent(SQUARE)}))
    task["annotations"][0]["result"][0].update(more)
    return [task]


def two_pictures():
    """A task with two pictures of one size, and a shape on each."""
    square = ("polygonlabels", "x", {"points": percent(SQUARE)})
    task = ls_task("a.jpg", square, square)
    for result, name in zip(task["annotations"][0]["result"], ("left", "right"), strict=True):
        result["to_name"] = name
    return [task]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (coco((0, 0, [[1, 1, 2]])), ["COCO", "annotations.0: expected x, y, x, y …, got 3 numbers"]),
        (coco((0, 0, [[1, NAN, 2, 3]])), ["annotations.0: coordinates that are no pixels of a picture: nan"]),
        (coco((0, 0, [[1, HUGE, 2, 3]])), ["no pixels of a picture: 1e+300"]),
        (coco((0, 0, [CORNER]), (0, 0, [["x"]])), ["annotations.1: expected numbers: could not convert"]),
        (coco((0, 0, [[[1, 2]]])), ["annotations.0: expected x, y, x, y …"]),
        (coco((0, 0, [1, 2, 3, 4, 5, 6])), ["annotations.0: segmentation: expected polygons"]),
        (coco((0, 0, "x")), ["annotations.0: segmentation: expected polygons"]),
        (coco((0, 0, {"counts": [1.5], "size": [6, 8]})), ["annotations.0: counts.list[int].0", "integer"]),
        (coco((0, 7, [CORNER])), ["annotations.0: no category has the id 12"]),
        (coco((3, 0, [CORNER])), ["annotations.0: no image has the id 13"]),
        ({"images": [], "annotations": []}, ["categories: Field required"]),
        (shape(points=[[1, NAN]] * 3), ["labelme", "shapes.0: coordinates that are no pixels"]),
        (shape(points=SQUARE[:2]), ["shapes.0: a polygon of 2 points"]),
        (shape(shape_type="circle"), ["shapes.0: a circle of 4 points"]),
        (shape(shape_type="mask", points=SQUARE[:2]), ["shapes.0: a mask without content"]),
        (result(original_width=None), ["task 7: a polygon without original_width"]),
        (result(image_rotation=90), ["task 7: a picture turned by 90 degrees in Label Studio"]),
        (two_pictures(), ["task 7: shapes of several pictures, left and right: make a task for each picture"]),
        (result(value={"points": percent(SQUARE)}), ["task 7: a polygon without label"]),
        (result(value={"points": [[1, 2]], "polygonlabels": ["x"]}), ["task 7: a polygon of 1 points"]),
        (result(value={"points": percent(SQUARE), "polygonlabels": [3]}), ["polygonlabels: expected a list of names"]),
        (result(type="brushlabels", value={"brushlabels": ["x"]}), ["a brush stroke without rle"]),
        (result(type="brushlabels", value={"brushlabels": ["x"], "rle": [700]}), ["task 7: bytes must be in range"]),
        ([{"data": {"text": "x"}, "annotations": []}], ["task 0: no address of a picture in its data: text"]),
    ],
)
def test_json_of_another_form(here, content, expected):
    write_json(here / "x.json", content)
    refused(f"p x.json {SHARE}", "cannot be read", "docs/annotation-tools.md", *expected, file="x.json")


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ("<polygon label='x' points='1,1;2,2'/>", "image a.jpg, element 0 (polygon): a polygon of 2 points"),
        ("<polygon label='x' points='1,1;2,nan;3,3'/>", "no pixels of a picture: nan"),
        ("<polygon label='x' points='1,1;z'/>", "points: expected numbers"),
        ("<polygon label='x'/>", "polygon has no points"),
        ("<polygon points='1,1;2,2;3,3'/>", "polygon has no label"),
        ("<box label='x' xtl='1' ytl='1' xbr='1e99' ybr='2'/>", "element 0 (box): xbr is '1e99'"),
        ("<ellipse label='x' cx='1' cy='1' rx='-1' ry='2'/>", "an ellipse of radii -1 and 2"),
        ("<box label='x' xtl='1' ytl='1' xbr='2'/>", "ybr is None"),
    ],
)
def test_xml_of_another_form(here, elements, expected):
    write(here / "x.xml", cvat(("a.jpg", elements)))
    refused(f"p x.xml {SHARE}", "a file of CVAT for images cannot be read", expected, "x.xml")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.json", "{", ["an annotation file is not JSON", "EOF"]),
        ("x.json", "[" * 100_000, ["an annotation file is not JSON", "recursion"]),
        ("x.json", "{}", ["unknown format", "JSON, a dict", "COCO, labelme, Label Studio JSON, CVAT for images"]),
        ("x.json", "3", ["unknown format", "JSON, a int"]),
        ("x.xml", "<annotations>", ["an annotation file is not XML"]),
        ("x.xml", "<svg></svg>", ["unknown format", "an XML of <svg>"]),
        ("x.xml", "<annotation><object/></annotation>", ["Pascal VOC boxes (XML) cannot be used", "SegmentationClass"]),
        ("x.xml", "<annotations><track/></annotations>", ["CVAT for video", "'CVAT for images 1.1'"]),
        ("x.ndjson", '{"data_row": {}}\n{"data_row": {}}\n', ["a line each", "export it as COCO"]),
        ("x.json", '[{"image": "a.jpg", "annotator": 1}]', ["JSON-MIN cannot be used", "export as 'JSON'"]),
        ("x.json", '{"a.jpg1": {"filename": "a.jpg", "size": 1, "regions": []}}', ["VIA", "COCO format"]),
        ("x.json", '{"images": [], "annotations": [{"segments_info": []}]}', ["COCO panoptic cannot be used"]),
        ("x.json", '{"imgHeight": 1, "imgWidth": 1, "objects": []}', ["Cityscapes polygons", "_gtFine_labelIds"]),
        ("x.json", '{"size": {}, "objects": [], "tags": []}', ["Supervisely", "Export as masks"]),
        ("x.csv", "a,b\n", ["an annotation file of an unknown kind", "a .csv"]),
        ("x.zip", "PK", ["an annotation file of an unknown kind", "unpack it first"]),
    ],
)
def test_files_of_other_kinds(here, name, text, expected):
    write(here / name, text)
    refused(f"p {name} {SHARE}", *expected, file=name)


def test_yolo(here):
    write(here / "labels/a.txt", "0 0.5 0.25 0.125 0.5\n1 0.1 0.2 0.3 0.4\n")
    refused(f"p labels {SHARE}", "YOLO's text files cannot be used", "export as COCO", file="labels/a.txt")
    write(here / "labels/a.txt", "")
    refused(f"p labels {SHARE}", "no class table")


def test_boxes_alone(here):
    content = coco()
    content["annotations"] = [{"id": 1, "image_id": 10, "category_id": 5, "bbox": [0, 0, 3, 3], "segmentation": []}]
    write_json(here / "x.json", content)
    refused(f"p x.json {SHARE}", "no shapes to draw", "1 annotations with a box or keypoints and no outline: not drawn")


def test_sizes_that_differ_are_named(here):
    write_json(here / "x.json", coco((0, 0, [CORNER]), (1, 0, [CORNER])))
    save(here / "p/b.jpg", photo(0, (9, 7)))
    refused(f"p x.json {SHARE}", "p/b.jpg: drawn on 8 x 6 pixels, but the picture has 9 x 7")
    rle = {"counts": [0, 63], "size": [7, 9]}
    write_json(here / "x.json", coco((0, 0, rle), (1, 0, [CORNER]), images=("a.jpg", "b.jpg")))
    refused(f"p x.json {SHARE}", "p/a.jpg: run lengths of 9 x 7 pixels, but the picture has 8 x 6", "p/b.jpg: drawn on")
    small = {"counts": [0, 12], "size": [3, 4]}  # of a smaller copy of the picture, maybe
    write_json(here / "x.json", coco((0, 0, small)))
    refused(f"p x.json --unpaired skip {SHARE}", "p/a.jpg: run lengths of 4 x 3 pixels, but the picture has 8 x 6")


def test_masks_within_files_that_cannot_be_decoded(here):
    for name, text in (("a", "%%%"), ("b", base64.b64encode(b"no picture").decode())):
        more = {"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": text}
        write_json(here / f"j/{name}.json", shape(**more) | {"imagePath": f"{name}.jpg"})
    refused(f"p j {SHARE}", "p/a.jpg: a mask that is no base64", "p/b.jpg: a mask that is no PNG")


def test_pictures_and_annotations_that_do_not_fit(here):
    write_json(here / "x.json", coco((0, 0, [CORNER]), images=("a.jpg", "z.jpg")))
    both = "2 pictures, 2 in the annotations, 1 in both"
    refused(
        f"p x.json {SHARE}", both, "p/b.jpg: not in the annotations", "x.json: z.jpg: no such picture", "--unpaired"
    )
    write_json(here / "x.json", coco((0, 0, [CORNER]), images=("y.jpg", "z.jpg")))
    refused(f"p x.json {SHARE}", "no picture is in the annotations", "such as p/a.jpg", "such as y.jpg")
    pictures(here / "q", ["1/a.jpg", "2/a.jpg", "b.jpg"])
    write_json(here / "x.json", coco((0, 0, [CORNER])))
    refused(f"q x.json {SHARE}", "x.json: a.jpg: may be q/1/a.jpg or q/2/a.jpg")
    write_json(here / "x.json", coco((0, 0, [CORNER]), images=("a.jpg", "x\\A.jpg", "b.jpg")))
    refused(f"p x.json {SHARE}", "x.json: x\\A.jpg: p/a.jpg is in x.json as a.jpg too")


def test_several_formats_in_a_folder(here):
    labelme(here / "j", "a", ("x", SQUARE))
    write_json(here / "j/b.json", coco((1, 0, [CORNER])))
    refused(f"p j {SHARE}", "annotation files of several formats", "labelme: j/a.json", "COCO: j/b.json", file="j")
    write(here / "j/b.json", "{")
    refused(f"p j {SHARE}", "not JSON", file="j/b.json")


def test_labels_that_the_table_lacks(here):
    write_json(here / "x.json", coco((0, 0, [CORNER]), (0, 1, [CORNER]), (1, 1, [flat(LOW)])))
    write(here / "t.txt", "road\ntree\n")
    refused(f"p x.json --classes t.txt {SHARE}", "expected: road, tree", "car: 2 shapes in 2 pictures: a.jpg, b.jpg")
    xml = cvat(("a.jpg", polygon("road", SQUARE)), ("b.jpg", polygon("tree", SQUARE)))
    write(here / "x.xml", xml)
    refused(f"p x.xml {SHARE}", "expected: road, car", "tree: 1 shapes in 1 pictures: b.jpg", file="x.xml")


def test_no_class_table_for_masks(here):
    save(here / "m/a.png", photo(0, (8, 6)).convert("L"))
    save(here / "m/b.png", photo(0, (8, 6)).convert("L"))
    refused(f"p m {SHARE}", "no class table", "docs/own-data.md")
    write(here / "m/_classes.csv", "Pixel Value, Class\n0, x\n")
    refused(f"p m {SHARE}", next_step="--classes m/_classes.csv")
    refused(f"p m --classes m/_classes.csv --background x {SHARE}", "--background is for annotations that are shapes")


def test_entities_of_xml_are_not_expanded_without_end(here):
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 11))
    write(here / "x.xml", f'<!DOCTYPE x [<!ENTITY l0 "lol">{lol}]><annotations>&l10;</annotations>')
    refused(f"p x.xml {SHARE}", "an annotation file is not XML")


def test_utf_16_and_marks_are_read(here):
    for encoding in ("utf-16", "utf-8-sig"):
        write_json(here / "x.json", json.loads(json.dumps(coco((0, 0, [CORNER]), (1, 0, [CORNER])))), encoding)
        assert converted(f"p x.json {SHARE}").exists()
    write(here / "x.xml", cvat(("a.jpg", polygon("road", SQUARE)), ("b.jpg", polygon("road", SQUARE))))
    assert converted(f"p x.xml {SHARE}").exists()
