"""sceneparse convert: folders laid out and files named as people have them."""

import io
import unicodedata
from pathlib import PurePosixPath

import numpy as np
import pytest
from mask_folders import annotation, contents, converted, drawn, photo, refused, save, split_of, write
from PIL import Image

TABLE = "name,value\nsky,0\nroad,1\nthing,2\n"


TABLE_AND_ZIP = "--classes classes.csv --out set.zip"


@pytest.fixture(autouse=True)
def table(here):
    write(here / "classes.csv", TABLE)


def run(line):
    return converted(f"{line} {TABLE_AND_ZIP}")


def refuses(line, *expected):
    return refused(f"{line} {TABLE_AND_ZIP}", *expected)


def pair(seed, image, mask):
    """A picture and a mask that no other seed has."""
    save(image, photo(seed))
    save(mask, Image.fromarray(drawn(seed, [0, 1, 2])))


def right(path, seeds):
    """Whether each ID has the picture and the mask of its seed, and there are no others."""
    members = contents(path)
    splits = split_of(path)
    assert splits.keys() == seeds.keys()
    for id, seed in seeds.items():
        assert annotation(members[f"annotations/{splits[id]}/{id}.png"]) == (drawn(seed, [0, 1, 2]) + 1).tolist()
        (image,) = (name for name in members if name.startswith(f"images/{splits[id]}/{id}."))
        with Image.open(io.BytesIO(members[image])) as picture:
            assert np.array_equal(np.asarray(picture), np.asarray(photo(seed)))
    return splits


@pytest.mark.parametrize(
    ("image", "mask", "flags"),
    [
        ("{split}/images/{n}.png", "{split}/masks/{n}.png", "--folders"),
        ("images/{split}/{n}.png", "labels/{split}/{n}.png", "--folders"),
        ("images_prepped_{split}/{n}.png", "annotations_prepped_{split}/{n}.png", "--folders"),
        ("set_images/JPEGImages/{split}/{n}.png", "set_images/SegmentationClass/{split}/{n}.png", "--folders"),
        ("{split}/{n}.png", "{split}annot/{n}.png", "--folders"),
        ("{split}/{n}.png", "{split}_labels/{n}_L.png", "--mask-suffix _L --folders"),
        ("{split}/{n}.png", "{split}/{n}_mask.png", "--mask-suffix _mask --folders"),
        ("{split}/{n}.jpg", "{split}/masks/{n}_m.png", "--mask-suffix _m --folders"),
        ("{split}/{n}_rgb.png", "{split}/{n}.png", "--image-suffix _rgb --folders"),
        ("{split}/{n}/img.png", "{split}/{n}/label.png", "--image-suffix img --mask-suffix label --folders"),
        ("Images-{split}/{n}.png", "GT-{split}/{n}.png", "--folders"),
    ],
)
def test_one_folder_that_holds_both(tmp_path, image, mask, flags):
    """Both splits use names 0, 1, ..., as many datasets do."""
    for seed, (split, n) in enumerate((split, n) for split, count in (("train", 3), ("val", 2)) for n in range(count)):
        pair(
            seed, tmp_path / "data" / image.format(split=split, n=n), tmp_path / "data" / mask.format(split=split, n=n)
        )
    path = run(f"data {flags}")
    members = contents(path)
    pictures = {members[name] for name in members if name.startswith("images/")}
    assert pictures == {
        (tmp_path / "data" / image.format(split=s, n=n)).read_bytes()
        for s, n in [("train", 0), ("train", 1), ("train", 2), ("val", 0), ("val", 1)]
    }
    for split, members_of, first in (("training", 3, 0), ("validation", 2, 3)):
        masks = [annotation(members[name]) for name in sorted(members) if name.startswith(f"annotations/{split}/")]
        assert masks == [(drawn(first + seed, [0, 1, 2]) + 1).tolist() for seed in range(members_of)]
    assert contents(run(f"data data {flags}")) == members


def test_other_folders_beside_those_of_pictures_and_masks_are_left_alone(tmp_path):
    for seed in range(4):
        pair(seed, tmp_path / f"voc/JPEGImages/{seed}.png", tmp_path / f"voc/SegmentationClass/{seed}.png")
        save(tmp_path / f"voc/SegmentationObject/{seed}.png", photo(9))
        write(tmp_path / f"voc/Annotations/{seed}.xml", "")
    assert right(run("voc --share 0.25"), {str(seed): seed for seed in range(4)})


def test_splits_of_other_names_in_compound_folders(tmp_path):
    for seed, split in enumerate(("train", "train", "test")):
        pair(
            seed,
            tmp_path / f"d/images_prepped_{split}/{seed}.png",
            tmp_path / f"d/annotations_prepped_{split}/{seed}.png",
        )
    refuses("d --folders", "2 for training, 0 for validation", "the folders below are prepped_test, prepped_train")
    splits = right(run("d --folders train test"), {"0": 0, "1": 1, "2": 2})
    assert splits == {"0": "training", "1": "training", "2": "validation"}
    assert split_of(run("d --folders prepped_train prepped_test")) == splits


def test_accents_are_one_name_however_they_are_written(tmp_path):
    names = [f"Zürich_{seed}" for seed in range(4)]
    apart, whole = ([unicodedata.normalize(form, name) for name in names] for form in ("NFD", "NFC"))
    for seed in range(4):
        pair(seed, tmp_path / f"images/{apart[seed]}.png", tmp_path / f"masks/{whole[seed]}.png")
    path = run("images masks --share 0.25")
    assert {PurePosixPath(n).stem for n in contents(path) if n.startswith("images/")} == {*apart}, "as given"
    write(tmp_path / "train.txt", "\n".join(whole[:3]))
    write(tmp_path / "val.txt", apart[3])
    splits = split_of(run("images masks --lists train.txt val.txt"))
    assert splits == {**dict.fromkeys(whole[:3], "training"), whole[3]: "validation"}
    for seed, folder in enumerate((apart[0], apart[1])):
        pair(seed, tmp_path / f"d/images/{folder}/{seed}.png", tmp_path / f"d/masks/{folder}/{seed}.png")
    assert split_of(run(f"d --folders {whole[1]} {whole[0]}")) == {"0": "validation", "1": "training"}
    pair(9, tmp_path / f"images/{whole[0]}.png", tmp_path / "elsewhere.png")
    refuses("images masks --share 0.25", "the same name as")


def test_names_that_differ_in_capitals_or_hold_the_picture_s_suffix(tmp_path):
    pair(0, tmp_path / "images/IMG_0.PNG", tmp_path / "masks/img_0.png")
    pair(1, tmp_path / "images/IMG_1.PNG", tmp_path / "masks/IMG_1.PNG.png")
    pair(2, tmp_path / "images/b.png", tmp_path / "masks/b.png")
    pair(3, tmp_path / "images/B.png", tmp_path / "masks/B.png")
    right(run("images masks --share 0.25"), {"IMG_0": 0, "IMG_1": 1, "b": 2, "B": 3})
    save(tmp_path / "images/img_1.png", photo(8))
    refuses("images masks --share 0.25", "images/IMG_1.PNG: no partner", "images/img_1.png: no partner")


def test_a_mask_for_each_object_is_named_as_such(tmp_path):
    for seed in range(3):
        save(tmp_path / f"stage1/{seed}/images/{seed}.png", photo(seed))
        for number in range(2):
            save(tmp_path / f"stage1/{seed}/masks/m{number}.png", Image.new("L", (9, 7)))
    refuses("stage1 --share 0.3", "3 pictures, 6 masks, 0 pairs", "a mask for each of its objects, paint them into one")
