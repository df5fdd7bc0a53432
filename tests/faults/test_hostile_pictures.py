"""Damaged and hostile pictures: every door refuses each of them by name, and nothing else happens."""

import base64
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from datasets import class_table, demo_params, encoded
from doors import Recorder
from mask_folders import converted
from mutations import mutations
from photos import picture
from PIL import Image

from sceneparse.convert.annotations.regions import mask_file, stamp
from sceneparse.convert.inspection import inspect
from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.pairs import open_pair
from sceneparse.dataset.picture_formats import FORMATS
from sceneparse.export.agreement import read_pictures
from sceneparse.predict.benchmark_zip import Release
from sceneparse.predict.inputs import Source, read_source
from sceneparse.scores.folders import score_folders
from sceneparse.web.answer import Segmenter
from stages.prepare.encode import Work, encode_pairs, signature

SIZE = (60, 40)
MASK = encoded(Image.fromarray(np.arange(2400, dtype=np.uint8).reshape(40, 60) % 2 + 1), "PNG")
PHOTO = encoded(picture(), "JPEG")
FEW, MANY, BATCH = 14, 5000, 100


def batches(format):
    """A batch for the fast tests; all for the soak tests, which take minutes."""
    few = pytest.param(format, FEW, id=format)
    return [few, pytest.param(format, MANY, id=f"{format}-all", marks=pytest.mark.soak)]


CASES = [case for format in FORMATS for case in batches(format)]


def refusals(door, names):
    """The names that a door refuses with an InputError."""
    refused = set()
    for name in names:
        try:
            door(name)
        except InputError:
            refused.add(name)
    return refused


def named(text, names):
    return {name for name in names if name in text}


def write_dataset(path, pictures, masks):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("objectInfo150.txt", class_table(("a", "b")))
        archive.writestr("images/validation/x.jpg", PHOTO)
        archive.writestr("annotations/validation/x.png", MASK)
        for name in pictures:
            archive.writestr(f"images/training/{name}.png", pictures[name])
            archive.writestr(f"annotations/training/{name}.png", masks[name])


def of_dataset(folder, pictures, masks):
    """The names that prepare, check and evaluate refuse: each has a line, or an error of its own."""
    path, names = folder / "dataset.zip", [*pictures]
    write_dataset(path, pictures, masks)
    with Archive(path) as archive:
        pairs = {pair.id: pair for pair in archive.pairs("training")}
        prepared = encode_pairs(
            Work(path, signature(path), tuple(pairs.values()), demo_params(prepare={"size": 32}).prepare)
        )
        assert len(prepared.records) + len(prepared.problems) == len(names)
        opened = refusals(lambda name: open_pair(archive, pairs[name]), names)
    findings = inspect(path, 1).of_severity(error=True)
    checked = "".join(finding.where for kind in findings.values() for finding in kind)
    return named("\n".join(prepared.problems), names), named(checked, names), opened


def of_convert(folder, names):
    """The names that convert refuses, or that its check of the result finds."""
    for name in ("pictures", "masks"):
        assert len([*(folder / name).iterdir()]) == len(names)
    (folder / "classes.csv").write_text("name,value\na,1\nb,2\n")
    (folder / "validation.txt").write_text(f"{names[0]}\n")
    (folder / "training.txt").write_text("\n".join(names[1:]))
    flags = "--classes classes.csv --unknown ignore --masks-by value --lists training.txt validation.txt --out made.zip"
    try:
        converted(f"pictures masks {flags}")
    except InputError as error:
        return named(error.got, names)
    except SystemExit:  # of the check
        return set()
    return set()


def write_all(folder, contents, suffix):
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}{suffix}").write_bytes(content)


@pytest.mark.parametrize(("format", "count"), CASES)
def test_no_damaged_picture_gets_past_a_door(tmp_path, monkeypatch, capfd, format, count):
    monkeypatch.chdir(tmp_path)
    damaged = mutations(format, count)
    all_refused = 0
    for start in range(0, count, BATCH):
        pictures = {f"p{number:03}": content for number, content in enumerate(damaged[start : start + BATCH])}
        names, masks = [*pictures], dict.fromkeys(pictures, MASK)
        prepared, checked, opened = of_dataset(tmp_path, pictures, masks)
        assert prepared == checked
        assert opened <= prepared, "which compares sizes, too"

        write_all(tmp_path / "pictures", pictures, ".png")
        write_all(tmp_path / "masks", masks, ".png")
        sources = {name: Source(f"pictures/{name}.png", "picture", Path(name)) for name in names}
        assert refusals(lambda name: read_source(sources[name]), names) == opened  # noqa: B023 - called in this round
        assert of_convert(tmp_path, names) <= prepared

        capfd.readouterr()
        photos = read_pictures(tmp_path / "pictures", len(names)) if len(opened) < len(names) else []
        assert len(photos) == len(names) - len(opened)
        assert not photos or named(capfd.readouterr().err, names) == opened

        with zipfile.ZipFile(tmp_path / "release.zip", "w") as archive:
            for name, content in pictures.items():
                archive.writestr(f"testing/{name}.png", content)
        with Release(tmp_path / "release.zip") as release:
            assert refusals(release.picture, names) == opened
            assert refusals(release.size, names) <= opened

        for name, content in pictures.items():
            try:
                Segmenter(Recorder(), "", 1).answer(content)
            except ValueError:
                assert name in opened
            else:
                assert name not in opened
        all_refused += len(opened)
    assert 0 < all_refused < count


@pytest.mark.parametrize(("format", "count"), CASES)
def test_no_damaged_mask_gets_past_a_door(tmp_path, monkeypatch, format, count):
    monkeypatch.chdir(tmp_path)
    damaged = mutations(format, count)
    for start in range(0, count, BATCH):
        masks = {f"p{number:03}": content for number, content in enumerate(damaged[start : start + BATCH])}
        names, pictures = [*masks], dict.fromkeys(masks, PHOTO)
        prepared, checked, opened = of_dataset(tmp_path, pictures, masks)
        assert prepared == checked
        assert opened <= prepared, "which compares values, too"

        write_all(tmp_path / "pictures", pictures, ".jpg")
        write_all(tmp_path / "masks", masks, ".png")
        refused = of_convert(tmp_path, names)
        if format in ("JPEG", "WEBP", "AVIF"):  # masks lose values in these, damaged or not
            assert refused
        with pytest.raises(InputError) as scored:
            score_folders(tmp_path / "masks", tmp_path / "masks", 2)
        assert named(scored.value.got, names)
        for name, content in masks.items():
            for door in (mask_file(tmp_path / f"masks/{name}.png"), stamp(base64.b64encode(content).decode(), 0, 0)):
                with suppress(ValueError):
                    door.decode(SIZE)
