"""Scenes' files at their own size, and the table of all images with its thumbnails."""

import json

import numpy as np
import pytest
from PIL import Image
from report_inputs import built, decoded, settings, stage_inputs

from sceneparse.params.visualize import THUMBNAIL_BYTES
from sceneparse.report.measured import ImageRow
from sceneparse.scores.palette import palette
from stages.visualize.scene_pictures import draw_thumbnail

ROW = ImageRow("a", 0.5, 0.25)


@pytest.fixture
def inputs(tmp_path, root, monkeypatch):
    return stage_inputs(tmp_path, root, monkeypatch)


def with_settings(inputs, **changes):
    return {**inputs, "params": inputs["params"].model_copy(update={"visualize": settings(**changes)})}


def test_files_at_the_images_own_size_are_linked(inputs):
    _, page = built(with_settings(inputs, best=4, full_size=True))
    with Image.open(inputs["report"] / "pictures/large-prediction.png") as picture:
        assert picture.size == (1030, 700)
    assert ("512", "348") in {(image["width"], image["height"]) for image in page.all("img")}
    links = [link["href"] for link in page.all("a") if link["href"].startswith("pictures/")]
    assert len(links) == 16
    assert "pictures/0002%20100%25%23%3F-truth.png" in links
    _, page = built(with_settings(inputs, best=4))
    assert not [link for link in page.all("a") if "pictures/" in link["href"]]


def test_all_images_are_listed_worst_first(inputs):
    text, page = built(with_settings(inputs, all=True))
    assert len(page.all("img")) == 5, "thumbnails need no scene"
    table = text[text.index('id="image-table"') :].split("<tbody>")[1].split("</tbody>")[0]
    ids = [row.partition('data-value="')[2].partition('"')[0] for row in table.split("<tr")[1:]]
    assert ids[-1] == "nothing"
    assert sorted(ids[:-1]) == ["0001", "0002 100%#?", "NA", "large"]
    assert "&lt;b&gt;street" in table
    assert 'id="image-table"' not in built(with_settings(inputs))[0]


@pytest.mark.parametrize("size", [(3000, 2000), (1, 900), (40, 30)])
def test_a_thumbnail_keeps_its_budget(size):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (*size, 3), dtype=np.uint8)  # nothing compresses worse
    prediction = rng.integers(0, 4, size, dtype=np.uint8)
    thumbnail = draw_thumbnail(ROW, "", noise, prediction, palette(3), settings())
    picture = decoded(thumbnail.picture)
    assert picture.size == (thumbnail.width, thumbnail.height)
    assert len(thumbnail.picture) < 4 / 3 * THUMBNAIL_BYTES + 30
    plain = draw_thumbnail(ROW, "", noise * 0, prediction * 0, palette(3), settings())
    assert max(plain.width, plain.height) == min(160, max(size))


def test_its_row_keeps_it_too(inputs):
    small, _ = built(with_settings(inputs))
    text, _ = built(with_settings(inputs, all=True))
    assert len(text) - len(small) < 5 * 5_000 + 2_000
    assert json.loads(text.partition('type="application/json">')[2].partition("</script>")[0])["charts"]
