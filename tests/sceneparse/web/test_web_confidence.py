"""The confidence on the page of `sceneparse web`, and in the server's answer."""

import base64
import zlib

import numpy as np
import pytest
import requests
from playwright.sync_api import expect
from web_page import NAMES, PHOTO, WAIT_S, answered, at, choose, give, inner, saved, settled, view_colour

from sceneparse.dataset.photos import decode_photo
from sceneparse.scores.palette import heat_colours

pytestmark = pytest.mark.slow


@pytest.fixture
def asked(fresh):
    """Whether the page has asked for the confidence, of each picture."""
    flags = []
    fresh.on("request", lambda request: flags.append("confidence=true" in request.url) if "?" in request.url else None)
    return flags


def test_what_the_server_says(server, parser):
    """Percents on demand alone, of the same labels; another word for yes is refused as all errors are."""
    post = f"{server}api/segment"
    plain = requests.post(post, data=PHOTO, timeout=WAIT_S).json()
    answer = requests.post(post, params={"confidence": "true"}, data=PHOTO, timeout=WAIT_S).json()
    percents = np.frombuffer(zlib.decompress(base64.b64decode(answer.pop("percents"))), np.uint8)
    assert {**answer, "percents": None} == plain
    expected = parser.annotate_with_confidence(decode_photo(PHOTO)).confidence
    assert np.array_equal(percents.reshape(expected.shape), expected)
    refused = requests.post(post, params={"confidence": "perhaps"}, data=PHOTO, timeout=WAIT_S)
    assert refused.status_code == 422
    assert list(refused.json()) == ["error"]
    assert "confidence" in refused.json()["error"]


def test_the_heat_map(fresh, asked, parser):
    """Asked for once, when it is looked at; the bar's colours, the value at the pointer, and a highlighted class."""
    give(fresh)
    annotation, percents = parser.annotate_with_confidence(decode_photo(PHOTO))
    assert asked == [False]
    assert fresh.locator("#bar").is_hidden()
    fresh.get_by_text("Confidence", exact=True).click()
    expect(fresh.locator("#working")).to_be_hidden(timeout=1000 * WAIT_S)
    assert asked == [False, True]
    assert fresh.locator("#percent").inner_text() == "100%"

    fresh.get_by_label("Boundaries").uncheck()
    name, _, drawn = saved(fresh, "Save overlay")
    assert name == "my photo_confidence_overlay.png"
    assert np.array_equal(drawn[..., :3], heat_colours()[percents])
    first, second = np.bincount(annotation.ravel()).argsort()[:-3:-1].tolist()
    spot, other = inner(annotation, first), inner(annotation, second)
    for row, column in (spot, other):
        fresh.hover("#view", position=at(fresh, "#view", row, column, *annotation.shape))
        value = int(percents[row, column])
        assert fresh.locator("#tip").inner_text() == f"{NAMES[annotation[row, column] - 1]}, {value}%"
        assert fresh.locator("#needle").evaluate("needle => needle.style.left") == f"{value}%"
    fresh.locator("#legend button").first.click()
    fresh.hover("h1")
    assert view_colour(fresh, *spot, *annotation.shape) == heat_colours()[percents[spot]].tolist()
    assert view_colour(fresh, *other, *annotation.shape) != heat_colours()[percents[other]].tolist()

    fresh.get_by_text("Prediction", exact=True).click()
    fresh.get_by_text("Confidence", exact=True).click()
    assert asked == [False, True], "it is there"
    assert fresh.locator("#percent").inner_text() == "100%"


def test_the_next_picture_in_that_view(fresh, asked, parser):
    """Pictures in view come with their confidence at once; those behind them are asked for theirs when selected."""
    give(fresh)
    fresh.get_by_text("Confidence", exact=True).click()
    choose(fresh, *({"name": name, "mimeType": "image/x", "buffer": PHOTO} for name in ("a.jpg", "b.jpg")))
    answered(fresh, "a.jpg")
    settled(fresh, "done", "done", "done")
    percents = parser.annotate_with_confidence(decode_photo(PHOTO)).confidence
    fresh.locator("#tip").wait_for(state="hidden")
    fresh.get_by_label("Boundaries").uncheck()
    assert np.array_equal(saved(fresh, "Save overlay")[2][..., :3], heat_colours()[percents])
    before = asked.count(True)
    fresh.locator(".tile").nth(2).click()
    answered(fresh, "b.jpg")
    settled(fresh, "done", "done", "done")
    assert asked.count(True) == before + 1
