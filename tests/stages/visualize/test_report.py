"""The report: a page that holds all that it shows, and says what was measured.

The whole stage runs, with a stand-in for the network.
"""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_inputs import CLASSES, Outline, SceneParser, built, decoded, settings, stage_inputs

from sceneparse.core.errors import InputError
from sceneparse.core.fields import leaves, shown
from sceneparse.core.files import file_digest
from sceneparse.report.measured import read_flow
from sceneparse.report.pages import percent, words
from sceneparse.scores.curves import flow_file
from sceneparse.scores.metrics import scores
from sceneparse.scores.overlays import outlined
from sceneparse.scores.palette import colour_blind_palette, palette
from stages.visualize.report import Page, render
from stages.visualize.stage import visualize


@pytest.fixture
def inputs(tmp_path, root, monkeypatch):
    return stage_inputs(tmp_path, root, monkeypatch)


def with_settings(inputs, **changes):
    return {**inputs, "params": inputs["params"].model_copy(update={"visualize": settings(best=1, **changes)})}


def test_the_page_holds_all_that_it_shows(inputs):
    text, page = built(inputs)
    assert len(page.all("img")) == 4 * 3
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert all(image["alt"] for image in page.all("img"))
    targets = [link["href"] for link in page.all("a")]
    ids = {attributes["id"] for _, attributes in page.found if "id" in attributes}
    assert all(target[0] == "#" and target[1:] in ids for target in targets), "links lead into the page"
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert not any("src" in script for script in page.all("script"))
    assert not re.search(r"@import|url\(", text[: text.index("</style>")])
    (policy,) = (meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none';")


def test_the_library_fits_into_a_script_element(inputs):
    """Whatever else it is: it must not end its element, nor begin a comment there."""
    text, page = built(inputs)
    assert len(page.all("script")) == 3
    assert text.count("<script") == text.count("</script") == 3
    assert "<!--" not in text
    assert 500_000 < len(text) < 1_500_000


def test_the_library_s_license_is_printed_with_it(inputs):
    text, _ = built(inputs)
    _, _, footer = text.partition("<footer>")
    for part in ("University of Washington Interactive Data Lab", "Redistribution and use in source", "AS IS"):
        assert part in footer


def test_pictures_beside_the_page_and_in_it(inputs):
    _, page = built(inputs)
    folder = inputs["report"] / "pictures"
    assert len(list(folder.iterdir())) == 4 * 4
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
    mixed = np.rint(image / 2 + SceneParser.colours[prediction] / 2).astype(np.uint8)
    assert np.array_equal(overlay, outlined(mixed, prediction))

    inside = {image["alt"]: decoded(image["src"]) for image in page.all("img")}
    assert inside["0001: image"].size == (40, 30)
    assert np.array_equal(np.asarray(inside["0001: truth"]), truth)
    shown = np.asarray(inside["0001: prediction"].convert("RGB"))
    assert np.array_equal(shown, SceneParser.colours[prediction]), "lossless: classes are read back from colours"


def test_large_pictures_are_scaled_down(inputs):
    _, page = built(inputs)
    with Image.open(inputs["report"] / "pictures/large-prediction.png") as picture:
        assert picture.size == (512, 348)
        assert np.unique(picture).tolist() == [1, 2], "no class between the two"
    sizes = {(image["width"], image["height"]) for image in page.all("img")}
    assert sizes == {("512", "348"), ("40", "30")}


def test_a_dataset_without_a_folder_is_named_after_its_source(inputs):
    with zipfile.ZipFile(inputs["dataset"]) as archive:
        members = {name.removeprefix("top/"): archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(inputs["dataset"], "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    download = inputs["params"].download.model_copy(update={"source": "/photos/My <scenes>.v2.zip"})
    text, _ = built(inputs | {"params": inputs["params"].model_copy(update={"download": download})})
    assert "<b>My &lt;scenes&gt;.v2</b>" in text


def test_what_the_page_says_without_its_script(inputs):
    text, page = built(inputs)
    score = json.loads(inputs["scores"].read_text())["original"]
    assert "5 validation images, 3 classes" in page.text
    facts = re.findall(r"<li><span>(.*?)</span> <b.*?>(.*?)</b></li>", text)
    digest = file_digest(inputs["dataset"])
    assert facts == [
        ("Dataset", "top"),
        ("Digest", digest[:19]),
        ("Records", "64 × 64, squash"),
        ("Network", "FCN, width 0.125"),
        ("Steps", "6 of 20"),
    ]
    assert f'title="{digest}"' in text
    for value in score.values():
        assert percent(value) in page.text
    assert "living room" in page.text
    assert "<b>street" in page.text, "a category is text, not markup"
    assert "some <place>" in page.text
    assert page.text.count("<sky> & more") >= 3, "in the legends, the classes and the confusions"
    assert "other (not scored)" in page.text
    assert "train 1.5" in page.text
    assert "validation 2.25, best 2 at 10" in page.text
    assert "validation 0.125, best 0.125 at 10" in page.text
    colours = [attributes["style"] for attributes in page.all("i") if attributes.get("class") == "swatch"]
    assert {f"background: #{SceneParser.colours[value].tobytes().hex()}" for value in range(4)} == set(colours)
    assert f'background: #{SceneParser.colours[1].tobytes().hex()}"></i>wall<' in text


def test_the_page_says_what_the_model_was_trained_with(inputs):
    _, page = built(inputs)
    card = SceneParser.card
    assert card.data_digest in page.text
    assert "augment.flip" in page.text
    terms = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", (inputs["report"] / "index.html").read_text())
    params = [*leaves(card.params.model).items(), *leaves(card.params.train).items()]
    assert terms == [(key, shown(value)) for key, value in params]
    assert file_digest(inputs["dataset"]) in page.text, "what sceneparse check prints"
    assert f"Keras {card.libraries.keras}" in page.text


def test_params_are_written_as_in_params_yaml():
    params = {"a": None, "b": True, "c": 0.5, "d": "max", "e": {"f": [1.0, 2], "g": {}}}
    written = {key: shown(value) for key, value in leaves(params).items()}
    assert written == {"a": "null", "b": "true", "c": "0.5", "d": "max", "e.f": "[1.0, 2]"}


def rows_of(text, table):
    body = text[text.index(f'id="{table}"') :].split("<tbody>")[1].split("</tbody>")[0]
    return re.findall(r"<tr.*?</tr>", body, flags=re.DOTALL)


def test_classes_are_ranked_by_iou(inputs):
    inputs["per_class"].write_text(
        "class_id,name,iou,accuracy,labelled_pixels,predicted_pixels\n"
        "1,wall,0.25,0.5,1200,34\n2,<sky> & more,,,0,0\n3,tree,0.75,1.0,5,6\n"
    )
    text, _ = built(inputs)
    first, second, last = rows_of(text, "class-table")
    assert "tree" in first
    assert "width: 75.0%" in first
    assert "wall" in second
    assert "1,200" in second
    assert "sky" in last
    assert last.count("–") == 2
    assert "width" not in last


def test_scene_categories_are_ranked_by_iou(inputs):
    inputs["per_category"].write_text(
        "category,images,labelled_pixels,pixel_accuracy,mean_iou\nbar,2,100,0.5,0.25\ncoast,1,0,,\nzoo,3,1000,0.75,0.5\n"
    )
    text, _ = built(inputs)
    first, second, last = rows_of(text, "category-table")
    assert ("zoo" in first, "bar" in second, "coast" in last) == (True, True, True)
    assert "50.0%" in first
    assert last.count("–") == 2


def test_sections_without_content_are_left_out(inputs, tmp_path):
    text, page = built(inputs)
    assert all(title in text for title in ("Scene categories", "Confusions", "<h2>Training"))
    inputs["per_category"].write_text("category,images,labelled_pixels,pixel_accuracy,mean_iou\n")
    inputs["confusion"].write_text("truth_id,truth,prediction_id,prediction,pixels,share\n1,wall,1,wall,900,1.0\n")
    text, page = built({**inputs, "curves": tmp_path / "nowhere"})
    assert not any(title in text for title in ("Scene categories", "Confusions", "<h2>Training"))
    assert page.all("img")


def test_the_most_confused_pairs(inputs):
    inputs["confusion"].write_text(
        "truth_id,truth,prediction_id,prediction,pixels,share\n"
        "1,wall,1,wall,900,0.9\n1,wall,2,sky,5,0.05\n3,tree,2,sky,2000,0.4\n3,tree,0,none,3000,0.6\n"
    )
    text, _ = built(inputs)
    table = text[text.index("The most confused pairs") :].split("<tbody>")[1].split("</tbody>")[0]
    cells = re.findall(r"<td[^>]*>(?:<i[^>]*></i>)?([^<]*)</td>", table)
    assert cells == ["tree", "&lt;sky&gt; &amp; more", "40.0%", "2,000", "wall", "&lt;sky&gt; &amp; more", "5.0%", "5"]


def test_the_colour_blind_palette_is_an_option(inputs):
    text, page = built(with_settings(inputs, palette="colour_blind"))
    colours = colour_blind_palette(3)
    assert f'background: #{colours[1].tobytes().hex()}"></i>wall<' in text
    truth = next(decoded(image["src"]) for image in page.all("img") if image["class"] == "truth")
    assert np.array_equal(np.asarray(truth.convert("RGB")), colours[np.asarray(truth)])


def test_the_same_inputs_give_the_same_bytes(inputs, tmp_path):
    visualize(**inputs)
    visualize(**{**inputs, "report": tmp_path / "elsewhere/again"})
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "report", tmp_path / "elsewhere/again")
    )
    assert first == second
    assert str(tmp_path).encode() not in first[Path("index.html")]


def test_the_page_shows_the_gradient_flow(inputs):
    text, page = built(inputs)
    legend = [swatch["style"] for swatch in page.all("i") if swatch.get("class") == "swatch depth"]
    assert legend == [f"background: {layer.colour}" for layer in read_flow(inputs["curves"]).layers]
    assert "conv1_2 –\n" in page.text
    assert "score_fr: 10 at step 1, 10 at step 100" in page.text
    flow_file(inputs["curves"]).unlink()
    text, page = built(inputs)
    assert "<h2>Training" in text
    assert "Gradient flow" not in text


def test_the_gradient_flow_alone_is_a_section(inputs):
    for path in inputs["curves"].rglob("*.tsv"):
        path.unlink()
    text, _ = built(inputs)
    assert text.index("<h2>Training") < text.index("Gradient flow")
    assert "A ring is" not in text


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
        ("per_image", "id,pixel_accuracy,mean_iou\n0001,nan,0.5\n"),
        ("per_image", None),
        ("per_category", "category,images\ncoast,many\n"),
        ("confusion", "truth,sky,tree\nsky,5,6\n"),  # a matrix, as earlier versions wrote
    ],
)
def test_unreadable_measurements_are_refused_by_name(inputs, name, content):
    inputs[name].unlink() if content is None else inputs[name].write_text(content)
    with pytest.raises(InputError, match=re.escape(str(inputs[name]))):
        visualize(**inputs)


def test_words():
    assert words("mean_iou_absent_as_zero") == "Mean IoU absent as zero"
    assert percent(None) == "–"
    assert percent(0.12345) == "12.3%"


def test_a_page_without_images():
    score = dict.fromkeys(scores(np.zeros((1, 1), np.int64)))
    page = Page(
        scores={"original": score, "resized": score},
        images=0,
        groups=[],
        thumbnails=[],
        charts=[],
        flow=None,
        classes=[],
        categories=[],
        confusion=[],
        card=SceneParser.card,
        dataset="",
        dataset_digest="sha256:0",
        colours=palette(0),
        settings=settings(),
    )
    Outline(render(page))
