"""A mask for each class, or for each object: which picture and class each is of, and how they become one annotation."""

from unicodedata import normalize

import numpy as np
import pytest
from annotated import SHARE, SIZE, maps, names, pictures
from mask_folders import converted, photo, refused, save, write
from photos import turned
from PIL import Image

ROAD = ["00000000"] * 3 + ["11111111"] * 3
CAR = ["00000000", "01110000", "01110000", "01110000", "00000000", "00000000"]
BOTH = ["00000000", "02220000", "02220000", "12221111", "11111111", "11111111"]


def bits(rows):
    return np.array([[int(digit) for digit in row] for row in rows], np.uint8)


def put(path, rows, value=255, mode="L"):
    save(path, Image.fromarray(bits(rows) * value).convert(mode))


@pytest.fixture(autouse=True)
def some_pictures(here):
    pictures(here / "p")


def test_the_class_in_the_name(here, capsys):
    put(here / "m/a_class_car.png", CAR)
    put(here / "m/a_class_road.png", ROAD, 1)
    put(here / "m/b_class_road.png", ROAD, 255, "RGB")
    put(here / "m/b_class_car.png", CAR, 255, "1")
    write(here / "t.txt", "road\ncar\n")
    maps(f"p m --classes t.txt {SHARE}", a=BOTH, b=BOTH)
    shown = capsys.readouterr().out
    assert "m: masks with the class in their names: 2 pictures, 2 classes, 4 shapes (mask 4)\n" in shown
    assert "6 pixels that two masks claim: the class that is later in the table has them\n" in shown
    rows = [row.translate({49: "2", 50: "1"}) for row in BOTH]
    rows[3] = "22222222"
    members = maps(f"p m {SHARE}", a=rows, b=rows)
    assert names(members) == ["car", "road"], "without a table: by name"
    ground = [row.replace("0", "3") for row in BOTH]
    write(here / "t.txt", "road\ncar\nground\n")
    maps(f"p m --classes t.txt --background ground {SHARE}", a=ground, b=ground)


@pytest.mark.parametrize(
    "form", ["m/{0}_{1}.png", "m/{0}-{1}.png", "m/{0}.{1}-1.png", "m/x/{0} {1}_003.png", "m/{1}/{0}.png"]
)
def test_a_class_of_the_table_in_the_path(here, form):
    for name in "ab":
        put(here / form.format(name, "ROAD"), ROAD)
        put(here / form.format(name, "big car"), CAR)
    write(here / "t.csv", "name,label\nroad,road\nvehicle,big car\nvehicle,car\n")
    assert names(maps(f"p m --classes t.csv {SHARE}", a=BOTH, b=BOTH)) == ["road", "vehicle"]


@pytest.mark.parametrize("form", ["m/{0}_class_{1}.png", "m/{0}_{1}.png", "m/{1}/{0}.png"])
def test_masks_of_what_the_table_ignores(here, form):
    """In both spellings: a row that is named ignored, and the flag."""
    for name in "ab":
        put(here / form.format(name, "road"), ROAD)
        put(here / form.format(name, "car"), CAR)
    write(here / "row.csv", "name,label\nroad,road\nignored,car\n")
    write(here / "both.csv", "name,label\nroad,road\ncar,car\n")
    rows = [row.translate(str.maketrans("012", "120")) for row in BOTH]
    rows[3] = "22222222"  # a class lies above what is ignored
    maps(f"p m --classes both.csv --ignore car --background ground {SHARE}", a=rows, b=rows)
    flagged = (here / "set.zip").read_bytes()
    maps(f"p m --classes row.csv --background ground {SHARE}", a=rows, b=rows)
    assert (here / "set.zip").read_bytes() == flagged


def test_a_single_class_in_its_folder(here, capsys):
    for name in "ab":
        put(here / f"m/road/{name}.png", ROAD)
    write(here / "t.csv", "name,value\nroad,255\n")
    rows = [row.translate(str.maketrans("01", "12")) for row in ROAD]
    for folder in ("m", "m/road"):
        assert names(maps(f"p {folder} --classes t.csv --background ground {SHARE}", a=rows, b=rows)) == [
            "ground",
            "road",
        ]
        assert "masks with a folder for each class: 2 pictures, 2 classes, 2 shapes" in capsys.readouterr().out
    maps(f"p m --classes t.csv --ignore 0 {SHARE}", a=ROAD, b=ROAD)  # without a background: masks of values
    write(here / "t.csv", "name,value\nleaf,255\n")
    refused(f"p m --classes t.csv --background ground {SHARE}", "--background is for annotations that are shapes")


@pytest.mark.parametrize("form", ["m/{0}_class_{1}.png", "m/{0}_{1}.png", "m/{1}/{0}.png"])
@pytest.mark.parametrize(("named", "masked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_the_form_of_accents_does_not_count(here, form, named, masked):
    """A Mac and an unpacked zip may each have one: ü as a character, or as u and its dots."""
    towns = [normalize(named, town) for town in ("zürich", "genève")]
    pictures(here / "q", [f"{town}.jpg" for town in towns])
    for town in towns:
        put(here / normalize(masked, form.format(town, "road")), ROAD)
        put(here / normalize(masked, form.format(town, "café")), CAR)
    write(here / "t.csv", normalize(named, "name,label\nroad,road\nhouse,café\n"))
    maps(f"q m --classes t.csv {SHARE}", **dict.fromkeys(towns, BOTH))


def test_objects_of_one_class_are_united(here, capsys):
    pictures(here / "set", ["a/images/a.png", "b/images/b.png"])
    for name in "ab":
        put(here / f"set/{name}/masks/{name}1.png", CAR)
        put(here / f"set/{name}/masks/{name}2.png", ROAD)
    write(here / "t.txt", "cell\n")
    union = ["".join("1" if digit != "0" else "0" for digit in row) for row in BOTH]
    maps(f"set set --classes t.txt {SHARE}", a=union, b=union)
    assert "masks with one per object: 2 pictures, 1 class, 4 shapes" in capsys.readouterr().out
    write(here / "t.csv", "name,label\ncell,cell\nignored,dirt\n")
    maps(f"set set --classes t.csv {SHARE}", a=union, b=union)


@pytest.mark.parametrize("form", ["m/{0}_class_{1}.png", "m/{0}_{1}.png", "m/{1}/{0}.png"])
def test_masks_of_upright_pictures_that_exif_turns(here, capsys, form):
    """RectLabel and others show, and save masks of, the upright picture."""
    for seed, name in enumerate("ab"):
        save(here / f"p/{name}.jpg", photo(seed, SIZE[::-1]), exif=turned())
        put(here / form.format(name, "road"), ROAD)
        put(here / form.format(name, "car"), CAR)
    write(here / "t.txt", "road\ncar\n")
    maps(f"p m --classes t.txt {SHARE}", a=BOTH, b=BOTH)
    assert "2 pictures turned upright, as EXIF and masks say" in capsys.readouterr().out


def test_transparent_masks(here):
    for name in "ab":
        rgba = np.dstack([np.full(SIZE[::-1], 7, np.uint8)] * 3 + [bits(CAR) * 255])
        save(here / f"m/{name}_class_car.png", Image.fromarray(rgba))
    rows = [row.replace("2", "1") for row in CAR]
    maps(f"p m {SHARE}", a=rows, b=rows)


def test_what_cannot_be_used(here):
    put(here / "m/a_class_car.png", CAR)
    put(here / "m/b_class_car.png", CAR)
    put(here / "m/c_class_car.png", CAR)
    put(here / "m/a_all_objects.png", CAR)
    refused(f"p m {SHARE}", "masks of no picture", "m/a_all_objects.png", "m/c_class_car.png", "--unpaired skip")
    assert converted(f"p m --unpaired skip {SHARE}").exists()
    write(here / "t.txt", "road\n")
    refused(f"p m --unpaired skip --classes t.txt {SHARE}", "car: 2 shapes in 2 pictures: m/a_class_car.png, m/b_class")
    (here / "m/b_class_car.png").unlink()
    refused(f"p m {SHARE}", "masks of no picture")
    for name in ("c_class_car", "a_all_objects"):
        (here / f"m/{name}.png").unlink()
    refused(f"p m {SHARE}", "p/b.jpg: not in the annotations")
    soft = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8))
    save(here / "m/a_class_car.png", soft)
    put(here / "m/b_class_car.png", [row[:5] for row in CAR])
    shown = "m/b_class_car.png: 5 x 6 pixels, but the picture has 8 x 6"
    refused(f"p m {SHARE}", "m/a_class_car.png: expected a mask of one class: 0 and one other value, got 48", shown)
    (here / "m/b_class_car.png").write_bytes(b"no picture")
    refused(f"p m {SHARE}", "m/b_class_car.png: ")


def test_brush_masks_of_label_studio_are_named(here):
    put(here / "m/task-1-annotation-11-by-1-tag-road-0.png", ROAD)
    refused(
        f"p m {SHARE}", "Label Studio's brush masks", "task-1-annotation-11-by-1-tag-road-0.png", "export as 'JSON'"
    )
