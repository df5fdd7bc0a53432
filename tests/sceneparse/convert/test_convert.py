"""sceneparse convert: folders of each style become the annotations made by hand, and a dataset that trains."""

import csv
import inspect
import json
import shlex
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from datasets import ROOT, demo_params
from mask_folders import (
    CAR,
    SKY,
    TRUCK,
    VOID,
    annotation,
    by_hand,
    camvid,
    cityscapes,
    contents,
    converted,
    drawn,
    photo,
    save,
    split_of,
    voc,
    write,
)
from PIL import Image

from sceneparse.convert.inspection import inspect as inspect_dataset
from sceneparse.core.errors import InputError
from stages.evaluate.stage import evaluate
from stages.prepare.stage import prepare
from stages.train.stage import train
from stages.weights.stage import weights

pytestmark = pytest.mark.usefixtures("here")


def test_colour_masks(tmp_path):
    members = contents(converted(camvid(tmp_path)))
    meaning = {SKY: 1, CAR: 2, TRUCK: 2, VOID: 0}
    found = {name.split("/")[2].split(".")[0]: name for name in members if name.startswith("annotations/")}
    assert set(found) == {"a", "b", "c", "d"}
    for id, name in found.items():
        assert annotation(members[name]) == by_hand(tmp_path / f"labels/{id}_L.png", meaning, colour=True)
        image = name.replace("annotations", "images")
        assert members[image] == (tmp_path / f"raw/{id}.png").read_bytes(), "a PNG stays as it is"
    assert members["objectInfo150.txt"] == b"Idx\tName\tColour\n1\tsky\t#808080\n2\tvehicle\t#400080\n"
    assert len(members) == 9


def test_palette_masks_by_their_indices_and_lists(tmp_path, capsys):
    path = converted(voc(tmp_path))
    members = contents(path)
    meaning = {0: 1, 1: 2, 2: 3, 255: 0}
    assert sorted(members) == [
        *(f"annotations/{place}.png" for place in ("training/2007_1", "training/2007_3", "validation/2007_2")),
        *(f"images/{place}.jpg" for place in ("training/2007_1", "training/2007_3", "validation/2007_2")),
        "objectInfo150.txt",
    ]
    for place in ("training/2007_1", "training/2007_3", "validation/2007_2"):
        name = place.partition("/")[2]
        expected = by_hand(tmp_path / f"SegmentationClass/{name}.png", meaning, colour=False)
        assert annotation(members[f"annotations/{place}.png"]) == expected
        assert members[f"images/{place}.jpg"] == (tmp_path / f"JPEGImages/{name}.jpg").read_bytes()
    shown = capsys.readouterr().out
    assert "1 files have no partner: left out" in shown
    assert "0 errors" in shown
    assert "source: set.zip\n    digest: sha256:" in shown


def test_ids_in_nested_folders(tmp_path, capsys):
    members = contents(converted(cityscapes(tmp_path)))
    meaning = {7: 1, 26: 2, 27: 2, 8: 3, 0: 0, 1: 0, 6: 0}
    places = {"training/ulm_1": "train/ulm/ulm_1", "training/bonn_1": "train/bonn/bonn_1"}
    places["validation/kiel_1"] = "val/kiel/kiel_1"
    assert {name for name in members if name.startswith("images")} == {f"images/{place}.png" for place in places}
    for place, source in places.items():
        expected = by_hand(tmp_path / f"gtFine/{source}_gtFine_labelIds.png", meaning, colour=False)
        assert annotation(members[f"annotations/{place}.png"]) == expected
    assert members["objectInfo150.txt"] == b"Idx\tName\n1\troad\n2\tvehicle\n3\tsidewalk\n"
    assert "1 pairs are in neither split: left out" in capsys.readouterr().out


def test_the_same_input_gives_the_same_bytes(tmp_path):
    line = cityscapes(tmp_path)
    first = converted(line).read_bytes()
    assert converted(line.replace("set.zip", "elsewhere/other.zip")).read_bytes() == first
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_names_that_repeat_in_folders_keep_their_folders(tmp_path):
    for seed, name in enumerate(("day/1", "Night/1", "Night/2")):
        save(tmp_path / f"raw/{name}.jpg", photo(seed))
        save(tmp_path / f"labels/{name}.png", Image.fromarray(drawn(seed, [1, 2])))
    write(tmp_path / "t.csv", "name;value\na;1\nb;2\n")
    path = converted("raw labels --classes t.csv --folders night DAY --out set.zip")
    assert split_of(path) == {"day_1": "validation", "Night_1": "training", "Night_2": "training"}
    members = contents(path)
    assert members["images/validation/day_1.jpg"] == (tmp_path / "raw/day/1.jpg").read_bytes()
    expected = by_hand(tmp_path / "labels/day/1.png", {1: 1, 2: 2}, colour=False)
    assert annotation(members["annotations/validation/day_1.png"]) == expected
    write(tmp_path / "train.txt", "/Night/1.jpg\n2.jpg\n")
    write(tmp_path / "val.txt", "day/1\n")
    listed = split_of(converted("raw labels --classes t.csv --lists train.txt val.txt --out set.zip"))
    assert listed == split_of(path)


def test_pictures_that_are_not_read_are_counted(tmp_path, capsys):
    line = camvid(tmp_path)
    (tmp_path / "raw/z.heic").write_bytes(b"")
    converted(line)
    assert "ignored, as they cannot be read: 1 x *.heic\n" in capsys.readouterr().out
    (tmp_path / "raw/a.png").rename(tmp_path / "raw/a.HEIC")
    with pytest.raises(InputError) as refused:
        converted(line)
    assert "labels/a_L.png: no partner" in str(refused.value)
    assert "raw: ignored, as they cannot be read: 2 x *.heic" in str(refused.value)


def test_the_command_line(tmp_path, root):
    """Many pairs are converted in processes; no bar is drawn without a terminal; a refusal ends with 1."""
    line = camvid(tmp_path, [f"{number:03}" for number in range(120)])
    command = [sys.executable, "-W", "error", "-m", "pipeline.cli.main", "convert", *shlex.split(line)]
    environment = {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 errors" in done.stdout
    assert len(split_of(tmp_path / "set.zip")) == 120
    before = (tmp_path / "set.zip").read_bytes()
    (tmp_path / "labels/007_L.png").unlink()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "raw/007.png: no partner" in done.stderr
    assert (tmp_path / "set.zip").read_bytes() == before


def two_classes(folder, count=28):
    """Leaves on soil: pictures and 0/255 masks, as drawing programs save them."""
    for number in range(count):
        generator = np.random.default_rng(number)
        height, width = generator.integers(56, 80, 2)
        rows, columns = np.mgrid[:height, :width]
        y, x = generator.uniform(0.3, 0.7, 2) * (height, width)
        leaf = ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 < generator.uniform(0.06, 0.12)
        picture = np.where(leaf[..., None], (60, 150, 50), (120, 85, 60)) + generator.normal(0, 12, (height, width, 3))
        save(folder / f"photos/{number:02}.jpg", Image.fromarray(picture.clip(0, 255).astype(np.uint8)))
        save(folder / f"masks/{number:02}.png", Image.fromarray(255 * leaf.astype(np.uint8)))
    write(folder / "leaves.csv", 'name,value\nsoil,0\n"leaf, green",255\n')


@pytest.mark.slow
def test_two_classes_from_folders_to_a_trained_model(tmp_path):
    """The whole way that docs/own-data.md tells."""
    two_classes(tmp_path)
    path = converted("photos masks --classes leaves.csv --share 0.25 --out leaves.zip")
    assert inspect_dataset(path, 4).findings == []
    small = {"epochs": 8, "batch_size": 4, "learning_rate": 0.003, "warmup_steps": 5, "augment": {"scale_max": 1.0}}
    small["start_from"] = str(tmp_path / "backbone")
    none = {"source": str(ROOT / "sources/none.yaml")}  # the tests run elsewhere
    params = demo_params(prepare={"size": 64}, weights=none, model={"width": 1 / 16, "dropout": 0.0}, train=small)
    prepare(params, path, tmp_path / "records")
    weights(params, tmp_path / "cache", tmp_path / "backbone")
    made = [tmp_path / name for name in ("model.keras", "model.json", "curves", "state")]
    train(params, tmp_path / "records", *made)
    given = {"params": params, "model": made[0], "card": made[1], "dataset": path, "records": tmp_path / "records"}
    tables = {name: tmp_path / name for name in inspect.signature(evaluate).parameters if name not in given}
    evaluate(**given, **tables)
    with tables["per_class"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["soil", "leaf, green"], "a comma does not cut the name"
    assert json.loads(made[1].read_text())["classes"] == ["soil", "leaf, green"]
    assert list(split_of(path).values()).count("validation") == 7
    labelled = np.array([int(row["labelled_pixels"]) for row in rows])
    for row, share in zip(rows, labelled / labelled.sum(), strict=True):
        # Guessing a class everywhere gives it its share as IoU, and the other one 0.
        assert float(row["iou"]) > max(0.5, share), rows
        assert int(row["predicted_pixels"]) > 0
