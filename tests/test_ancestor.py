"""Reports of the 2017 implementation's users, end to end: none of it happens here.

One small training by our recipe and one by the ancestor's, from an archive to pictures.
"""

import csv
import json
import logging
import math

import numpy as np
import pytest
from datasets import draw_scene, write_archive
from network_params import ANCESTOR
from PIL import Image
from ruamel.yaml import YAML

from sceneparse.params.presets import preset_params
from sceneparse.params.whole import load_params
from sceneparse.predict.predict import predict
from stages.evaluate.stage import evaluate
from stages.prepare.stage import prepare
from stages.train.stage import train
from stages.weights.stage import weights

pytestmark = pytest.mark.slow
CLASSES = ("sky", "road", "tree")
OURS = {"width": 1 / 16, "dropout": 0.0}


class Run:
    """A small archive, trained on and scored, in a folder."""

    def __init__(self, folder, *, classes=CLASSES, preset="demo", model=None, train=None, changes=None):
        self.folder = folder
        content = preset_params(preset).model_dump()
        content["weights"]["source"] = "sources/none.yaml"
        content["prepare"]["colours"] = "dataset"
        content["prepare"]["size"] = 64
        content["model"] |= model or OURS
        small = {"epochs": 14, "batch_size": 4, "learning_rate": 0.003, "warmup_steps": 10, "class_weighting": 0.0}
        content["train"] |= small | {"start_from": str(folder / "backbone")} | (train or {})
        YAML().dump(content, folder / "params.yaml")
        self.params = load_params(folder / "params.yaml")
        write_archive(folder / "dataset.zip", training=24, validation=6, classes=classes, changes=changes)
        prepare(self.params, folder / "dataset.zip", folder / "records")
        weights(self.params, folder / "cache", folder / "backbone")

    def train(self):
        out = [self.folder / name for name in ("m.keras", "m.json", "curves", "state")]
        train(self.params, self.folder / "records", *out)
        return self

    def score(self):
        """Scores at original size, and a row for each class."""
        names = (
            "m.keras",
            "m.json",
            "dataset.zip",
            "records",
            "scores.json",
            "classes.csv",
            "images.csv",
            "categories.csv",
            "matrix.csv",
        )
        evaluate(self.params, *(self.folder / name for name in names))
        with (self.folder / "classes.csv").open(newline="") as file:
            return json.loads((self.folder / "scores.json").read_text())["original"], list(csv.DictReader(file))

    def curve(self, name):
        lines = (self.folder / f"curves/plots/metrics/{name}.tsv").read_text().splitlines()[1:]
        return [tuple(map(float, line.split("\t"))) for line in lines]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("ours")).train()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """The ancestor's recipe, narrow; its rate is meant for ImageNet's weights and 100,000 steps."""
    model = {**ANCESTOR, "width": 1 / 16, "dropout": 0.15}
    recipe = {"batch_size": 2, "learning_rate": 0.003, "epochs": 10, "warmup_steps": 0}
    return Run(tmp_path_factory.mktemp("theirs"), preset="fcn2017", model=model, train=recipe).train()


@pytest.mark.parametrize("run", ["ours", pytest.param("theirs", marks=pytest.mark.exhaustive)])
def test_the_loss_is_not_stuck_and_no_class_is_everywhere(run, request):
    run = request.getfixturevalue(run)
    losses = [loss for _, loss in run.curve("train/loss")]
    assert losses[-1] < 0.5 * math.log(len(CLASSES))
    scores, rows = run.score()
    predicted = [int(row["predicted_pixels"]) for row in rows]
    assert min(predicted) > 0
    assert max(predicted) < 0.9 * sum(predicted)
    assert scores["pixel_accuracy"] > 0.8
    assert scores["mean_iou"] > 0.5


def test_one_class_everywhere_is_said_aloud(tmp_path, caplog):
    """Training that has learned nothing yet: all scores are zero, and the first class is everywhere."""
    run = Run(tmp_path, train={"learning_rate": 1e-9, "epochs": 1})
    with caplog.at_level(logging.WARNING):
        run.train()
    assert "100.0% of all predictions are 'sky'" in caplog.text


def test_predictions_are_not_black_nor_off_by_one(ours, tmp_path):
    """New scenes of all three classes: most pixels of each get its own value, and a colour of its own."""
    colours = {}
    for first in range(len(CLASSES)):
        picture, annotation = draw_scene(np.random.default_rng((9, first)), len(CLASSES), (60, 100), first)
        picture.save(tmp_path / f"{first}.png")
        predict([str(tmp_path / f"{first}.png")], ours.folder / "m.keras", None, tmp_path / "out", 0.5)
        with Image.open(tmp_path / f"out/{first}.png") as labels:
            values, shown = np.asarray(labels), np.asarray(labels.convert("RGB"))
        truth = np.asarray(annotation)
        for value in range(1, len(CLASSES) + 1):
            assert (values[truth == value] == value).mean() > 0.3, value
            colours[value] = tuple(shown[values == value][0].tolist())
        assert (values == truth)[truth > 0].mean() > 0.8
        assert shown.reshape(-1, 3).max(1).min() > 0
    assert len(set(colours.values())) == len(CLASSES)


def test_two_classes_and_pictures_without_a_label_are_no_nan(tmp_path):
    def unlabelled(content):
        return (tmp_path / "empty.png").read_bytes()

    folder = tmp_path / "run"
    folder.mkdir()
    Run(folder, classes=("sky", "road"))  # for the size of the picture that is changed
    from sceneparse.dataset.archive import Archive
    from sceneparse.dataset.images import decode_annotation

    with Archive(folder / "dataset.zip") as archive:
        size = decode_annotation(archive.read(archive.pairs("training")[2].annotation)).size
    Image.new("L", size).save(tmp_path / "empty.png")
    changes = {"annotations/training/training_0002.png": unlabelled}
    short = {"batch_size": 1, "epochs": 2, "logit_adjustment": 0.5, "class_weighting": 1.0}
    run = Run(folder, classes=("sky", "road"), changes=changes, train=short).train()
    curves = [value for name in ("train/loss", "validation/loss") for _, value in run.curve(name)]
    assert all(math.isfinite(value) for value in curves)
    scores, rows = run.score()
    assert len(rows) == 2
    assert all(math.isfinite(value) for value in scores.values())


@pytest.mark.exhaustive
def test_the_ancestors_labels_are_its_own(theirs):
    """'Other' is an output of its own, which no score counts and every picture may be given."""
    card = json.loads((theirs.folder / "m.json").read_text())
    assert card["classes"] == list(CLASSES)
    assert "annotation value 0" in card["output"]
    assert card["preprocessing"]["interpolation"] == "nearest"
