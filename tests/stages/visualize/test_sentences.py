"""Sentences of the report about its own numbers."""

import json

import pytest
from cards import make_card
from report_inputs import SceneParser, built, stage_inputs

from stages.visualize.sentences import compared, first_weights, shaky


@pytest.fixture
def inputs(tmp_path, root, monkeypatch):
    return stage_inputs(tmp_path, root, monkeypatch)


def decided(monkeypatch, inputs, without, with_them):
    """A model with constants for the mean IoU; scores are (mean IoU, pixel accuracy) at the size of training."""
    card = SceneParser.card
    params = card.params.model_copy(update={"train": {**card.params.train, "decision": "iou"}})
    scores = dict(zip(("mean_iou", "pixel_accuracy"), without, strict=True))
    best = card.best.model_copy(update={"validation": card.best.validation.model_copy(update=scores)})
    monkeypatch.setattr(SceneParser, "card", card.model_copy(update={"params": params, "best": best}))
    content = json.loads(inputs["scores"].read_text())
    content["resized"] |= dict(zip(scores, with_them, strict=True))
    inputs["scores"].write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("without", "with_them", "iou", "accuracy"),
    [
        (
            (0.6401, 0.9),
            (0.6314, 0.91),
            "63.1% with them, lower than the 64.0%",
            "91.0% with them, higher than the 90.0%",
        ),
        ((0.44, 0.92), (0.5, 0.798), "50.0% with them, higher than the 44.0%", "79.8% with them, lower than the 92.0%"),
        ((0.5, 0.6), (0.5004, 0.6), "50.0% with and without them", "60.0% with and without them"),
    ],
)
def test_the_constants_for_the_mean_iou_did_what_the_scores_say(inputs, monkeypatch, without, with_them, iou, accuracy):
    _, page = built(inputs)
    assert "constant" not in page.text
    decided(monkeypatch, inputs, without, with_them)
    _, page = built(inputs)
    text = " ".join(page.text.split())
    assert f"the mean IoU is {iou}" in text
    assert f"the pixel accuracy is {accuracy}" in text
    assert [link["href"] for link in page.all("a")].count("#decision") == 2, "beside the curves and the chosen epoch"


def test_scores_of_few_validation_images_are_called_shaky(inputs):
    text, page = built(inputs)
    assert text.index('class="tiles"') < text.index(shaky(5)) < text.index("<th>Score</th>"), "beside the scores"
    assert "from 5 validation images. Below 30" in page.text
    assert "from 1 validation image." in shaky(1)
    assert shaky(29)
    assert not shaky(30)


def test_a_score_without_a_value_is_neither_higher_nor_lower():
    assert compared("mean IoU", 0.5, None) == "the mean IoU is 50.0% without them and has no value with them"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"origin": None}, "random: data/raw/backbone held no weights"),
        ({}, "not on this model's card"),
        (
            {
                "origin": {
                    "digest": "sha256:" + 64 * "a",
                    "copied": ["conv1_1", "conv1_2"],
                    "initialised": ["fc6", "fc7"],
                }
            },
            "2 layers copied from data/raw/backbone, sha256:aaaaaaaaaaaa; initialised: fc6, fc7",
        ),
        (
            {"origin": {"digest": None, "copied": ["fc6"], "initialised": []}},
            "1 layer copied from data/raw/backbone; initialised: none",
        ),
    ],
)
def test_the_first_weights_are_those_of_the_card_s_origin(inputs, monkeypatch, changes, text):
    params = {"model": {"width": 0.125}, "train": {"start_from": "data/raw/backbone"}}
    card = make_card(**changes, params=params, classes=SceneParser.card.classes)
    assert first_weights(card) == text
    monkeypatch.setattr(SceneParser, "card", card)
    assert f"<th>first weights</th><td>{text}</td>".replace("'", "&#39;") in built(inputs)[0]
