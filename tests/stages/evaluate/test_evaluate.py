"""Scores of the scene categories, and of the predictions that the report draws."""

import zipfile

import numpy as np
import pytest
from PIL import Image
from report_inputs import CLASSES, SceneParser, png, settings, stage_inputs
from small_model import save_small_model

from sceneparse.dataset.archive import Archive
from sceneparse.dataset.labels import to_labels
from sceneparse.inference.loading import load_parser
from sceneparse.inference.views import ONE_VIEW, Views
from sceneparse.params.evaluate import Evaluate
from sceneparse.scores.metrics import confusion_matrix, scores
from stages.evaluate.stage import score_originals
from stages.visualize.stage import visualize


def test_a_categorys_scores_are_those_of_its_pixels_together(tmp_path):
    with zipfile.ZipFile(tmp_path / "dataset.zip", "w") as archive:
        # wall on the left and sky on the right is predicted; the second picture is much larger and all wrong.
        for id, size, value in (("a", (4, 4), 1), ("b", (40, 40), 3), ("c", (4, 4), 2), ("d", (4, 4), 2)):
            archive.writestr(f"images/validation/{id}.png", png(np.zeros((*size, 3), np.uint8)))
            archive.writestr(f"annotations/validation/{id}.png", png(np.full(size, value, np.uint8)))
        archive.writestr("objectInfo150.txt", "Idx\tName\n1\twall\n2\tsky\n3\ttree\n")
        archive.writestr("sceneCategories.txt", "a coast\nb coast\nc street\n")
    with Archive(tmp_path / "dataset.zip") as archive:
        total, images, categories = score_originals(SceneParser(), archive, None)
    assert list(images["id"]) == ["a", "b", "c", "d"]
    coast, street = categories.itertuples(index=False, name=None)  # d is in no category
    assert coast == ("coast", 2, 1616, 8 / 1616, (8 / 816 + 0 + 0) / 3)
    assert street == ("street", 1, 16, 0.5, 0.25)
    assert total.sum() == 1616 + 32
    assert scores(total)["pixel_accuracy"] == (8 + 8 + 8) / total.sum()


@pytest.mark.slow
def test_the_predictions_that_are_drawn_are_those_that_are_scored(tmp_path, root, monkeypatch):
    """Views that change the scores are the same for both."""
    inputs = stage_inputs(tmp_path, root, monkeypatch, ids=("one", "two", "three"))
    monkeypatch.setattr("stages.visualize.stage.load_parser", load_parser)  # in place of the stand-in
    model = save_small_model(tmp_path, CLASSES)
    sections = {"evaluate": Evaluate(scales=[0.75, 1.5], flip=True), "visualize": settings(best=3)}
    params = inputs["params"].model_copy(update=sections)
    visualize(**inputs | {"params": params, "model": model, "card": model.with_suffix(".json")})
    drawn = []
    with Archive(inputs["dataset"]) as archive:
        several, single = (
            score_originals(load_parser(model), archive, views)[1]["pixel_accuracy"].tolist()
            for views in (Views((0.75, 1.5), flip=True), ONE_VIEW)
        )
        for pair in archive.pairs("validation"):
            truth = Image.open(inputs["report"] / f"pictures/{pair.id}-truth.png")
            prediction = Image.open(inputs["report"] / f"pictures/{pair.id}-prediction.png")
            labels = [to_labels(np.asarray(values)) for values in (truth, prediction)]
            drawn.append(scores(confusion_matrix(*labels, 3))["pixel_accuracy"])
    assert drawn == several
    assert single != several
