"""sceneparse convert of annotation tools' files: which picture each drawing is of, its split, and how it lies."""

import unicodedata

import numpy as np
import pytest
from annotated import ALL, BOTH, LOW, ONE, SHARE, SIZE, SQUARE, UNDER, exchanged, maps, pictures
from mask_folders import annotation, contents, converted, photo, save, split_of, write
from PIL import Image
from tool_files import coco, cvat, flat, labelme, ls_task, percent, polygon, write_json

pytestmark = pytest.mark.usefixtures("here")


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


def test_folders_subsets_and_lists_split(here):
    pictures(here / "set", ["train/a.jpg", "valid/a.jpg", "test/c.jpg"])
    for split, name in (("train", "a.jpg"), ("valid", "a.jpg"), ("test", "c.jpg")):
        write_json(here / f"set/{split}/_annotations.coco.json", coco((0, 0, [flat(SQUARE)]), images=(name,)))
    assert split_of(converted("set set --folders --out set.zip")) == {"train_a": "training", "valid_a": "validation"}
    pictures(here / "photos")
    xml = cvat(
        ('a.jpg" subset="Validation', polygon("road", SQUARE)), ('b.jpg" subset="Train', polygon("road", SQUARE))
    )
    write(here / "x.xml", xml)
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
    assert drawn == [[[int(digit) for digit in row] for row in exchanged(UNDER)]] * 110, "car, road"


def test_a_picture_lying_on_its_side_is_turned_as_the_file_says(here, capsys):
    """labelme shows, and notes the size of, the upright picture; where it notes the stored size nothing is turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    save(here / "p/a.jpg", photo(0, SIZE[::-1]), exif=exif)
    save(here / "p/b.jpg", photo(1, SIZE[::-1]), exif=exif)
    labelme(here / "p", "a", ("car", LOW))
    labelme(here / "p", "b", ("car", SQUARE), imageWidth=6, imageHeight=8)
    a = [*ALL[:2], *["00111110"] * 3, ALL[0]]
    members = maps(f"p p {SHARE}", a=a, b=["000000", *["011100"] * 3, *["000000"] * 4])
    assert "1 pictures turned upright, as EXIF and masks say, and made PNG: p/a.jpg\n" in capsys.readouterr().out
    assert sorted(name.split("/")[2] for name in members if name.startswith("images")) == ["a.png", "b.jpg"]


def test_label_studio_renames_what_it_uploads(here):
    """Django makes blanks underscores, and leaves out brackets, commas and the like."""
    pictures(here / "p", ["my photo (1).jpg", "b+c, d.jpg"])
    addresses = ("/data/upload/1/0a1b2c3d-my_photo_1.jpg", "/data/upload/1/4e5f6a7b-bc_d.jpg")
    square = ("polygonlabels", "x", {"points": percent(SQUARE)})
    write_json(here / "x.json", [ls_task(address, square) for address in addresses])
    maps(f"p x.json {SHARE}", **{"my photo (1)": ONE, "b+c, d": ONE})
