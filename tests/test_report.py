"""The report: which images it shows, and a page that opens from disk as it is.

The whole stage runs, with a stand-in for the network.
"""

import io
import json
import math
import re
import sys
import types
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from browser import browser_page
from PIL import Image

from stages.data.labels import to_labels
from stages.errors import InputError
from stages.files import write_json
from stages.logbook import FLOW
from stages.params import Visualize, load_params
from stages.score.charts import Chart, Series, line_chart, log_axis, ticks
from stages.score.measured import ImageRow, read_charts, read_flow
from stages.score.metrics import confusion_matrix, scores, write_tables
from stages.score.palette import palette
from stages.score.report import Page, percent, render, words
from stages.visualize import choose, visualize

# Norms whose places on two logarithmic axes are easy to say: both reach from 1 to 100.
FLOWS = "step,conv1_1,conv1_2,fc6,score_fr\n1,0.0,0.0,0.0,10.0\n10,1.0,0.0,nan,100.0\n100,10.0,0.0,10.0,10.0\n"
CLASSES = ("wall", "<sky> & more", "tree")
VOID = {"meta", "img", "br", "link", "input", "hr", "line", "circle", "polyline"}


class Outline(HTMLParser):
    """The page's elements; raises where tags are not balanced."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"closed, never opened: {tag}"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


class SceneParser:
    """Predicts wall in the left half and sky in the right, whatever it sees."""

    classes = CLASSES
    colours = palette(5)[[0, 3, 4, 5]]  # the card's, whatever they are

    @classmethod
    def load(cls, model, card):
        return cls()

    def annotate(self, image):
        values = np.full(image.shape[:2], 2, np.uint8)
        values[:, : image.shape[1] // 2] = 1
        return values


def png(values):
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def inputs(tmp_path, root, monkeypatch):
    """Arguments of the stage: five scenes, one of them large, one with a difficult id, one without a label."""
    rng = np.random.default_rng(0)
    matrix, rows = np.zeros((3, 4), np.int64), ["id,pixel_accuracy,mean_iou"]
    with zipfile.ZipFile(tmp_path / "dataset.zip", "w") as archive:
        for index, id in enumerate(["0001", "0002 100%#?", "NA", "large", "nothing"]):
            size = (700, 1030) if id == "large" else (30, 40)
            truth = rng.integers(0, 4, size, dtype=np.uint8) * (id != "nothing")
            archive.writestr(f"top/images/validation/{id}.png", png(rng.integers(0, 256, (*size, 3), dtype=np.uint8)))
            archive.writestr(f"top/annotations/validation/{id}.png", png(truth))
            single = confusion_matrix(to_labels(truth), to_labels(SceneParser().annotate(truth)), 3)
            matrix += single
            cells = ("" if score is None else repr(score) for score in list(scores(single).values())[:3:2])
            rows.append(",".join([id, *cells]))
            assert index < 4 or rows[-1] == "nothing,,"
        archive.writestr("top/objectInfo150.txt", "Idx\tName\n1\twall\n2\t<sky> & more, sky\n3\ttree\n")
        archive.writestr("top/sceneCategories.txt", "0001 living_room\nlarge <b>street\n")
    (tmp_path / "per_image.csv").write_text("\n".join(rows) + "\n")
    write_tables(matrix, CLASSES, tmp_path / "per_class.csv", tmp_path / "confusion.csv")
    write_json(tmp_path / "evaluate.json", {"original": scores(matrix), "resized": scores(matrix * 0)})
    curve(tmp_path, "train", "loss", [(10, 2.5), (20, 1.5)])
    curve(tmp_path, "validation", "loss", [(10, 2.0), (20, 2.25)])
    curve(tmp_path, "validation", "mean_iou", [(10, 0.125), (20, math.nan)])
    (tmp_path / "training" / FLOW).write_text(FLOWS)

    module = types.ModuleType("stages.model.inference")
    module.SceneParser = SceneParser
    monkeypatch.setitem(sys.modules, "stages.model.inference", module)
    params = load_params(root / "params.yaml")
    settings = Visualize(best=1, worst=1, random=2, seed=0, opacity=0.5)
    return {
        "params": params.model_copy(update={"visualize": settings}),
        "model": tmp_path / "model.keras",
        "card": tmp_path / "model.json",
        "dataset": tmp_path / "dataset.zip",
        "scores": tmp_path / "evaluate.json",
        "per_class": tmp_path / "per_class.csv",
        "per_image": tmp_path / "per_image.csv",
        "curves": tmp_path / "training",
        "report": tmp_path / "report",
    }


def curve(folder, split, name, points):
    path = folder / f"training/plots/metrics/{split}/{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([f"step\t{name}", *(f"{step}\t{value}" for step, value in points)]) + "\n")


def built(inputs):
    visualize(**inputs)
    text = (inputs["report"] / "index.html").read_text()
    return text, Outline(text)


def test_the_page_opens_from_disk_as_it_is(inputs):
    text, page = built(inputs)
    assert not re.search(r"https?:|//|<script|@import|url\(", text), "nothing from the network, no script"
    pictures = [inputs["report"] / unquote(urlsplit(image["src"]).path) for image in page.all("img")]
    assert len(pictures) == 4 * 4
    assert all(picture.is_file() for picture in pictures)
    assert set(pictures) == set((inputs["report"] / "pictures").iterdir()), "and no others beside it"
    assert all(image["alt"] for image in page.all("img"))
    assert [link["href"] for link in page.all("a")] == [image["src"] for image in page.all("img")]


def test_pictures_show_image_truth_prediction_and_overlay(inputs):
    built(inputs)
    folder = inputs["report"] / "pictures"
    with zipfile.ZipFile(inputs["dataset"]) as archive:
        stored = {
            kind: np.asarray(Image.open(archive.open(f"top/{kind}/validation/0001.png")))
            for kind in ("images", "annotations")
        }
    image, truth, prediction, overlay = (
        np.asarray(Image.open(folder / f"0001-{name}.png")) for name in ("image", "truth", "prediction", "overlay")
    )
    assert np.array_equal(image, stored["images"])
    assert np.array_equal(truth, stored["annotations"])
    assert np.array_equal(prediction, SceneParser().annotate(image))
    assert np.array_equal(overlay, np.rint(image / 2 + SceneParser.colours[prediction] / 2))


def test_large_pictures_are_scaled_down(inputs):
    _, page = built(inputs)
    with Image.open(inputs["report"] / "pictures/large-prediction.png") as picture:
        assert picture.size == (512, 348)
        assert np.unique(picture).tolist() == [1, 2], "no class between the two"
    sizes = {(image["width"], image["height"]) for image in page.all("img")}
    assert sizes == {("512", "348"), ("40", "30")}


def test_what_the_page_says(inputs):
    text, page = built(inputs)
    score = json.loads(inputs["scores"].read_text())["original"]
    assert "5 validation images, 3 classes" in page.text
    for value in score.values():
        assert percent(value) in page.text
    assert "living room" in page.text
    assert "<b>street" in page.text, "a category is text, not markup"
    assert page.text.count("<sky> & more") >= 2, "in the legends and the table"
    assert "other (not scored)" in page.text
    assert "train 1.5" in page.text
    assert "validation 2.25, best 2 at 10" in page.text
    assert "validation 0.125, best 0.125 at 10" in page.text
    colours = [attributes["style"] for attributes in page.all("i") if attributes.get("class") == "swatch"]
    assert {f"background: #{SceneParser.colours[value].tobytes().hex()}" for value in range(4)} == set(colours)
    assert f'background: #{SceneParser.colours[1].tobytes().hex()}"></i>wall<' in text


def test_classes_are_ranked_by_iou(inputs):
    text, _ = built(inputs)
    inputs["per_class"].write_text(
        "class_id,name,iou,accuracy,labelled_pixels,predicted_pixels\n"
        "1,wall,0.25,0.5,1200,34\n2,<sky> & more,,,0,0\n3,tree,0.75,1.0,5,6\n"
    )
    text, _ = built(inputs)
    table = text[text.index("<h2>Classes") :]
    places = [table.index(name) for name in ("tree", "wall", "sky")]
    assert places == sorted(places)
    assert "1,200" in table
    assert "width: 75.0%" in table
    assert table.count("–") == 2


def test_the_same_inputs_give_the_same_bytes(inputs, tmp_path):
    visualize(**inputs)
    visualize(**{**inputs, "report": tmp_path / "elsewhere/again"})
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "report", tmp_path / "elsewhere/again")
    )
    assert first == second
    assert str(tmp_path).encode() not in first[Path("index.html")]


def test_a_new_report_replaces_the_old_one(inputs):
    built(inputs)
    (inputs["report"] / "pictures/old.png").touch()
    built(inputs)
    assert not (inputs["report"] / "pictures/old.png").exists()


def test_without_curves_there_is_no_such_section(inputs, tmp_path):
    text, page = built({**inputs, "curves": tmp_path / "nowhere"})
    assert "<h2>Training" not in text
    assert not page.all("svg")
    assert page.all("img")


def test_metrics_of_another_dataset_are_refused(inputs):
    lines = inputs["per_image"].read_text()
    inputs["per_image"].write_text(lines + "unknown,0.5,0.5\n")
    with pytest.raises(InputError, match="6 images"):
        visualize(**inputs)
    assert not inputs["report"].exists()


def test_another_datasets_model_is_refused(inputs, monkeypatch):
    monkeypatch.setattr(SceneParser, "classes", (*CLASSES, "lamp"))
    with pytest.raises(InputError, match="a model of 4 classes"):
        visualize(**inputs)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scores", "{"),
        ("scores", '{"original": {}, "resized": {}}'),
        ("per_class", "class_id,name\n1,wall\n"),
        ("per_image", "id,pixel_accuracy,mean_iou\n0001,high,low\n"),
        ("per_image", None),
    ],
)
def test_unreadable_measurements_are_refused_by_name(inputs, name, content):
    inputs[name].unlink() if content is None else inputs[name].write_text(content)
    with pytest.raises(InputError, match=re.escape(str(inputs[name]))):
        visualize(**inputs)


def chosen(images, **settings):
    groups = choose(images, Visualize(**{"best": 0, "worst": 0, "random": 0, "seed": 0, "opacity": 0.5, **settings}))
    return {title: [row.id for row in rows] for title, rows in groups.items()}


# Scores descend from a to f; g has none.
IMAGES = [ImageRow(id, 0.5, score) for id, score in zip("fbdcaeg", [0.1, 0.8, 0.4, 0.6, 0.9, 0.2, None], strict=True)]


def test_best_and_worst():
    assert chosen(IMAGES, best=2, worst=3) == {"Best": ["a", "b"], "Worst": ["f", "e", "d"]}
    assert chosen(IMAGES, worst=1) == {"Worst": ["f"]}


def test_no_image_is_shown_twice():
    groups = chosen(IMAGES, best=4, worst=4, random=4)
    assert groups == {"Best": ["a", "b", "c", "d"], "Worst": ["f", "e"]}
    groups = chosen(IMAGES, best=1, worst=1, random=9)
    assert groups["Random"] == ["b", "c", "d", "e"]
    assert chosen([], best=3) == {}


def test_the_draw_depends_on_the_seed_alone():
    many = [ImageRow(f"{number:03}", 0.5, 0.5) for number in range(100)]
    draws = [chosen(many, random=5, seed=seed)["Random"] for seed in range(5)]
    assert chosen(many[::-1], random=5, seed=0)["Random"] == draws[0]
    assert len({tuple(draw) for draw in draws}) == 5
    assert chosen(many, best=1)["Best"] == ["000"], "ties go by id"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 2.5, [0, 0.5, 1, 1.5, 2, 2.5]),
        (60, 720, [0, 200, 400, 600, 800]),
        (0, 0.00095, [0, 0.0002, 0.0004, 0.0006, 0.0008, 0.001]),
        (0, 0, [0, 0.2]),
    ],
)
def test_ticks(low, high, expected):
    assert ticks(low, high) == expected


def test_ticks_enclose_their_range():
    rng = np.random.default_rng(0)
    for low, span in zip(rng.uniform(-50, 50, 200), 10 ** rng.uniform(-6, 6, 200), strict=True):
        found = ticks(low, low + span)
        assert found[0] <= low + 1e-6 * span
        assert found[-1] >= low + span - 1e-6 * span
        assert 2 <= len(found) <= 8
    assert len(ticks(720, 720)) >= 2


def test_a_chart_of_one_point_and_of_hostile_text():
    page = Outline(line_chart('"<x>', (Series("a", ((5, 0.0),), "max"),)))
    assert page.all("svg")[0]["aria-label"] == '"<x>'
    assert len(page.all("circle")) == 2
    assert "nan" not in str(page.found)


def test_points_lie_where_their_values_are():
    page = Outline(line_chart("loss", (Series("a", ((0, 0), (50, math.inf), (100, 1))),)))
    first, last = (tuple(map(float, point.split(","))) for point in page.all("polyline")[0]["points"].split())
    grid = [float(line["y1"]) for line in page.all("line")]
    assert first[1] == max(grid), "0 is at the bottom"
    assert last[1] == min(grid), "1 at the top"
    assert last[0] == float(page.all("line")[0]["x2"]), "100 at the right"
    assert first[0] == float(page.all("line")[0]["x1"])


def test_curves_that_exist(tmp_path):
    assert read_charts(tmp_path) == []
    curve(tmp_path, "train", "learning_rate", [(1, 0.001)])
    curve(tmp_path, "validation", "mean_iou", [(1, math.nan)])
    assert read_charts(tmp_path / "training") == [Chart("Learning rate", (Series("train", ((1.0, 0.001),)),))]


def flow_of(folder, text):
    (folder / FLOW).write_text(text)
    return read_flow(folder)


def lines_of(flow):
    return [path["d"] for path in Outline(flow.svg).all("path")]


def test_gradient_norms_lie_where_logarithms_put_them(tmp_path):
    flow = flow_of(tmp_path, FLOWS)
    # The plotting area: x from 62 to 462, y from 188 up to 10.
    assert lines_of(flow) == [
        "M262.0,188.0 462.0,99.0h0",  # conv1_1, 1 at step 10 and 10 at step 100
        "M462.0,99.0h0",  # fc6, whose NaN has no place
        "M62.0,99.0 262.0,10.0 462.0,99.0h0",  # score_fr
    ]
    page = Outline(flow.svg)
    assert page.text.split("\n")[-5:-1] == [
        "step",
        "conv1_1: 1 at step 10, 10 at step 100",
        "fc6: 10 at step 100, 10 at step 100",
        "score_fr: 10 at step 1, 10 at step 100",
    ]
    heights = [float(line["y1"]) for line in page.all("line")]
    assert (heights[0], heights[3], heights[-1]) == (188, 99, 10)


def test_zeros_break_a_line(tmp_path):
    flow = flow_of(tmp_path, "step,<fc6>\n1,1\n2,0.0\n4,1\n8,2\n16,inf\n32,1\n")
    pieces = lines_of(flow)[0].split("h0")
    assert [piece.count(",") for piece in pieces] == [1, 2, 1, 0]
    assert "<fc6>: 1 at step 1" in Outline(flow.svg).text


def test_the_legend_tells_layers_by_depth_and_block(tmp_path):
    names = ["conv1_1", "conv1_2", "conv2_1", "fc6", "fc7", "score_fr", "upscore2", "score_pool4"]
    layers = flow_of(tmp_path, ",".join(["step", *names]) + "\n" + ",".join("1" * 9) + "\n").layers
    assert [layer.name for layer in layers] == names
    assert [layer.name for layer in layers if layer.begins] == ["conv1_1", "conv2_1", "fc6", "score_fr"]
    assert [layer.depth for layer in layers] == pytest.approx([number / 7 for number in range(8)])
    assert flow_of(tmp_path, "step,fc6\n1,1\n").layers[0].style == "--depth: 0.0%"


def test_the_page_shows_the_gradient_flow(inputs):
    text, page = built(inputs)
    flow = read_flow(inputs["curves"])
    assert flow.svg in text
    legend = [one["style"] for one in page.all("i") if one.get("class") == "swatch depth"]
    assert legend == ["--depth: 0.0%", "--depth: 33.3%", "--depth: 66.7%", "--depth: 100.0%"]
    assert [path["style"] for path in page.all("path")] == [legend[0], *legend[2:]], "conv1_2 has no line"
    assert "conv1_2 –\n" in page.text
    (inputs["curves"] / FLOW).unlink()
    text, page = built(inputs)
    assert "<h2>Training" in text
    assert "Gradient flow" not in text
    assert not page.all("path")


def test_the_gradient_flow_alone_is_a_section(inputs):
    for path in inputs["curves"].rglob("*.tsv"):
        path.unlink()
    text, _ = built(inputs)
    assert text.index("<h2>Training") < text.index("Gradient flow")
    assert "The dot is" not in text


def test_without_gradient_norms_there_is_no_chart(tmp_path):
    assert read_flow(tmp_path) is None
    assert flow_of(tmp_path, "step,fc6\n1,0.0\n2,nan\n") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "step,fc6\n",
        "step\n1\n",
        "epoch,fc6\n1,1\n",
        "step,fc6\n1\n",
        "step,fc6\n1,1\n2,1,1\n",
        "step,fc6,fc7\n1,1\n",
        "step,fc6\n1,\n",
        "step,fc6\n1,high\n",
        "step,fc6\n1,-1\n",
        "step,fc6\n0,1\n",
        "step,fc6\n1,1\n2",
    ],
)
def test_damaged_gradient_norms_are_refused_by_name(tmp_path, text):
    with pytest.raises(InputError, match=re.escape(str(tmp_path / FLOW))):
        flow_of(tmp_path, text)


@pytest.mark.parametrize(
    ("low", "high", "ends", "expected"),
    [
        (1, 100, (1, 100), [1, 2, 5, 10, 20, 50, 100]),
        (0.21, 0.45, (0.2, 0.5), [0.2, 0.5]),
        (1, 600, (1, 1000), [1, 10, 100, 1000]),
        (1, 1300, (1, 2000), [1, 10, 100, 1000]),
        (1, 1, (1, 2), [1, 2]),
        (1e-12, 3, (1e-12, 5), [1e-12, 1e-10, 1e-8, 1e-6, 0.0001, 0.01, 1]),
    ],
)
def test_logarithmic_axes(low, high, ends, expected):
    axis = log_axis(low, high)
    assert (axis.low, axis.high) == ends
    assert axis.ticks == expected


def test_logarithmic_axes_enclose_their_range():
    rng = np.random.default_rng(0)
    for low, factor in zip(10 ** rng.uniform(-40, 5, 200), 10 ** rng.uniform(0, 20, 200), strict=True):
        axis = log_axis(low, low * factor)
        assert 0 <= axis.share(low) <= axis.share(low * factor) <= 1
        assert 2 <= len(axis.ticks) <= 8
        assert all(0 <= axis.share(tick) <= 1 for tick in axis.ticks)


def test_the_page_in_a_browser(inputs):
    built(inputs)
    with browser_page(390, 800) as page:
        asked, colours = [], []
        page.on("request", lambda request: asked.append(request.url))
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.goto((inputs["report"] / "index.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == 390, "nothing hangs over a phone's edge"
            colours += page.eval_on_selector_all("path", "all => all.map(one => getComputedStyle(one).stroke)")
            swatches = page.eval_on_selector_all(
                ".swatch.depth", "all => all.map(one => getComputedStyle(one).backgroundColor)"
            )
            assert [swatches[number] for number in (0, 2, 3)] == colours[-3:], "the legend is true"
    assert len(set(colours)) == 6, "three lines, in each theme colours of their own"
    hues = [float(re.fullmatch(r"oklch\(\S+ \S+ (\S+)\)", colour)[1]) for colour in colours]
    assert not any(90 < hue < 250 for hue in hues), "never over green"
    assert {urlsplit(url).scheme for url in asked} == {"file"}


def test_words():
    assert words("mean_iou_absent_as_zero") == "Mean IoU absent as zero"
    assert percent(None) == "–"
    assert percent(0.12345) == "12.3%"


def test_a_page_without_images():
    score = dict.fromkeys(scores(np.zeros((1, 1), np.int64)))
    Outline(render(Page({"original": score, "resized": score}, 0, [], [], None, [], palette(0))))
