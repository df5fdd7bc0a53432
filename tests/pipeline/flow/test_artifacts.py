"""Content of Prefect's artifacts: tables that read well, pictures within their size."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pipeline.flow.artifact_pictures import MOST_BYTES, SCENES, WIDTH, curves_picture, curves_spec, picture_sheet
from pipeline.flow.artifacts import class_rows, score_rows, scores_line
from sceneparse.core.errors import InputError


def scores(value):
    return {"original": {"mean_iou": value, "pixel_accuracy": 0.9}, "resized": {"mean_iou": 0.5, "pixel_accuracy": 0.9}}


def picture(url):
    kind, _, content = url.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert kind == f"data:image/{image.format.lower()}"
    return image


def test_scores_have_their_change_where_it_is_known():
    assert score_rows(scores(0.6), scores(0.55))[0] == {
        "score": "mean IoU",
        "original size": "0.6000",
        "± original": "+0.0500",
        "training size": "0.5000",
        "± training": "+0.0000",
    }
    assert score_rows(scores(0.6), {})[0]["± original"] == ""
    assert score_rows(scores(None), scores(0.5))[0]["original size"] == ""


@pytest.mark.parametrize(
    ("now", "before", "line"),
    [
        (scores(0.6), scores(0.65), "mean IoU 0.6000, -0.0500 since the last good run"),
        (scores(0.6), {}, "mean IoU 0.6000, the first good run"),
        (scores(0.6), scores(None), "mean IoU 0.6000, the first good run"),
        (scores(None), scores(0.6), "No mean IoU: no labelled pixel was scored"),
    ],
)
def test_the_line_on_a_card(now, before, line):
    assert scores_line(now, before) == line


def test_classes_begin_with_the_lowest_iou():
    rows = [{"name": name, "iou": iou, "accuracy": ""} for name, iou in (("a", "0.912345"), ("b", ""), ("c", "0.5"))]
    assert [(row["name"], row["iou"], row["accuracy"]) for row in class_rows(rows)] == [
        ("c", "0.5000", ""),
        ("a", "0.9123", ""),
        ("b", "", ""),
    ]


def write_scenes(folder, *sizes):
    generator = np.random.default_rng(0)
    for number, (height, width) in enumerate(sizes):
        for column in ("image", "truth", "prediction", "overlay"):
            pixels = generator.integers(0, 256, (height, width, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"scene{number}-{column}.png")


def test_the_sheet_has_a_row_per_scene(tmp_path):
    assert picture_sheet(tmp_path) is None
    write_scenes(tmp_path, (20, 20), (10, 20))
    assert picture(picture_sheet(tmp_path)).size == (4 * WIDTH, WIDTH + WIDTH // 2)


@pytest.mark.slow
def test_noise_and_towers_stay_within_the_size(tmp_path):
    write_scenes(tmp_path, *[(600, 300)] * SCENES, (3000, 1))
    sheet = picture_sheet(tmp_path)
    assert len(sheet) <= MOST_BYTES
    width, height = picture(sheet).size
    assert (width, height % (2 * WIDTH)) == (4 * WIDTH, 0)
    assert 0 < height < SCENES * 2 * WIDTH, "some were left out"


def write_curves(folder, rows):
    for split, names in (("train", ("loss",)), ("validation", ("loss", "mean_iou", "pixel_accuracy"))):
        for name in names:
            path = folder / f"plots/metrics/{split}/{name}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"step\t{name}\n" + "".join(f"{step}\t{value}\n" for step, value in rows))


@pytest.mark.slow
def test_curves_are_drawn_from_the_trainings_files(tmp_path):
    assert curves_picture(tmp_path) is None
    write_curves(tmp_path, [(10, 0.5), (20, 0.25)])
    charts = curves_spec(tmp_path)["hconcat"]
    assert [chart["title"] for chart in charts] == ["loss", "mean IoU", "pixel accuracy"]
    loss = [tuple(row.values()) for row in charts[0]["data"]["values"]]
    assert loss == [(10, 0.5, "train"), (20, 0.25, "train"), (10, 0.5, "validation"), (20, 0.25, "validation")]
    url = curves_picture(tmp_path)
    assert len(url) <= MOST_BYTES
    pixels = np.asarray(picture(url).convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 10, "not an empty picture"


def test_damaged_curves_are_refused_by_name(tmp_path):
    write_curves(tmp_path, [(10, "x")])
    with pytest.raises(InputError) as refused:
        curves_picture(tmp_path)
    assert refused.value.file.endswith("plots/metrics/train/loss.tsv")
