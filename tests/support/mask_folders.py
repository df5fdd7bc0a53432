"""Pictures and masks for convert, convert by its command line's words, and what it makes."""

import io
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.cli.main import make_parser
from sceneparse.convert.convert import convert
from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.layout import SPLITS


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


def by_hand(path, meaning):
    """The annotation of a mask, pixel by pixel; `meaning`: annotation values by code, a value or a colour."""
    mask = Image.open(path)
    mask = mask.convert("RGB") if isinstance(next(iter(meaning)), tuple) else mask
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
