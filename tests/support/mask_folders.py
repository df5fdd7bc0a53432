"""Folders of pictures and masks in the styles that convert takes, and convert by its command line's words."""

import io
import json
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.cli.main import make_parser
from sceneparse.convert.convert import convert
from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import SPLITS, Archive

SKY, CAR, TRUCK, VOID = (128, 128, 128), (64, 0, 128), (192, 128, 192), (0, 0, 0)
CAMVID = "name,r,g,b\nsky,128,128,128\nvehicle,64,0,128\nvehicle,192,128,192\nIgnored,0,0,0\n"
VOC = "name,value\nbackground,0\naeroplane,1\nbicycle,2\n"
CITYSCAPES = [
    {"name": "road", "id": 7},
    {"name": "vehicle", "id": [26, 27]},
    {"name": "sidewalk", "id": 8},
    {"name": "ignored", "id": list(range(7))},
]


def save(path, picture, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def photo(seed, size=(9, 7)):
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(noise)


def drawn(seed, choices, size=(9, 7)):
    """An array of these values or colours, [H, W] or [H, W, 3]."""
    generator = np.random.default_rng(seed + 1000)
    return np.array(choices)[generator.integers(0, len(choices), size[::-1])].astype(np.uint8)


def camvid(folder, names=("a", "b", "c", "d")):
    for seed, name in enumerate(names):
        save(folder / f"raw/{name}.png", photo(seed))
        save(folder / f"labels/{name}_L.png", Image.fromarray(drawn(seed, [SKY, CAR, TRUCK, VOID])))
    write(folder / "camvid.csv", CAMVID)
    return f"raw labels --mask-suffix _L --classes camvid.csv --out set.zip --share 0.5 --seed {len(names)}"


def voc(folder):
    for seed, name in enumerate(("2007_1", "2007_2", "2007_3", "2007_4")):
        save(folder / f"JPEGImages/{name}.jpg", photo(seed), quality=90)
        if name != "2007_4":
            mask = Image.fromarray(drawn(seed, [0, 1, 2, 255]))
            mask.putpalette([channel for value in range(256) for channel in (value, 255 - value, 7)])
            save(folder / f"SegmentationClass/{name}.png", mask)
    write(folder / "voc.csv", VOC)
    write(folder / "train.txt", "2007_1\n2007_3\n")
    write(folder / "val.txt", "2007_2\r\n\r\n")
    return "JPEGImages SegmentationClass --classes voc.csv --lists train.txt val.txt --out set.zip"


def cityscapes(folder):
    for seed, name in enumerate(("train/ulm/ulm_1", "train/bonn/bonn_1", "val/kiel/kiel_1", "test/rom/rom_1")):
        save(folder / f"leftImg8bit/{name}_leftImg8bit.png", photo(seed))
        values = drawn(seed, [0, 1, 6, 7, 8, 26, 27])
        save(folder / f"gtFine/{name}_gtFine_labelIds.png", Image.fromarray(values))
        save(folder / f"gtFine/{name}_gtFine_color.png", photo(seed))
        write(folder / f"gtFine/{name}_gtFine_polygons.json", "{}")
    write(folder / "cityscapes.json", json.dumps(CITYSCAPES))
    return (
        "leftImg8bit gtFine --image-suffix _leftImg8bit --mask-suffix _gtFine_labelIds --classes cityscapes.json "
        "--folders --out set.zip"
    )


def converted(line):
    """Convert by the command line's words, in the current folder; the zip's path."""
    flags = vars(make_parser().parse_args(["convert", *shlex.split(line)]))
    del flags["run"]
    flags.pop("debug", None)
    convert(**flags)
    return Path(flags["out"]).absolute()


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def by_hand(path, meaning, colour):
    """The annotation of a mask, pixel by pixel."""
    mask = Image.open(path)
    mask = mask.convert("RGB") if colour else mask
    return [[meaning[mask.getpixel((x, y))] for x in range(mask.width)] for y in range(mask.height)]


def annotation(content):
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.mode, content[24:26]) == ("PNG", "L", bytes((8, 0)))
    return np.asarray(picture).tolist()


def split_of(path):
    with Archive(path) as archive:
        return {pair.id: split for split in SPLITS for pair in archive.pairs(split)}


def refused(line, *expected, **fields):
    """The error of a conversion: it holds the texts, and its fields are as expected."""
    with pytest.raises(InputError) as refusal:
        converted(line)
    for text in expected:
        assert text in str(refusal.value), refusal.value
    assert {name: getattr(refusal.value, name) for name in fields} == fields
    return refusal.value
