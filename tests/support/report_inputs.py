"""Made-up inputs of the visualize stage: five scenes, and a stand-in for the network."""

import base64
import io
import math
import zipfile
from html.parser import HTMLParser

import numpy as np
from cards import make_card
from PIL import Image

from sceneparse.core.files import csv_cell, write_json
from sceneparse.dataset.labels import to_labels
from sceneparse.params.visualize import Visualize
from sceneparse.params.whole import load_params
from sceneparse.scores.curves import flow_file
from sceneparse.scores.metrics import confusion_matrix, scores, write_tables
from sceneparse.scores.palette import palette
from stages.visualize.stage import visualize

FLOWS = "step,conv1_1,conv1_2,fc6,score_fr\n1,0.0,0.0,0.0,10.0\n10,1.0,0.0,nan,100.0\n100,10.0,0.0,10.0,10.0\n"
CLASSES = ("wall", "<sky> & more", "tree")
VOID = {"meta", "img", "br", "link", "input", "hr"}


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

    def handle_endtag(self, tag):
        assert self.open, f"closed, never opened: {tag}"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


class SceneParser:
    """Predicts wall in the left half and sky in the right, whatever it sees."""

    classes = CLASSES
    colours = palette(5)[[0, 3, 4, 5]]  # the card's, whatever they are
    card = make_card(classes=CLASSES, palette=[f"#{colour.tobytes().hex()}" for colour in colours[1:]])

    def annotate(self, image, views=None):
        values = np.full(image.shape[:2], 2, np.uint8)
        values[:, : image.shape[1] // 2] = 1
        return values


def png(values):
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def shares(matrix):
    """Return cells of the pixel accuracy and the mean IoU."""
    return ["" if score is None else repr(score) for score in list(scores(matrix).values())[:3:2]]


def stage_inputs(folder, root, monkeypatch, ids=("0001", "0002 100%#?", "NA", "large", "nothing")):
    """Arguments of the stage: one scene is large, one has a difficult id, one is without a label.

    The classes are those of SceneParser.
    """
    classes = SceneParser.classes
    rng = np.random.default_rng(0)
    matrix, rows = np.zeros((3, 4), np.int64), ["id,pixel_accuracy,mean_iou"]
    with zipfile.ZipFile(folder / "dataset.zip", "w") as archive:
        for index, id in enumerate(ids):
            size = (700, 1030) if id == "large" else (30, 40)
            truth = rng.integers(0, 4, size, dtype=np.uint8) * (id != "nothing")
            archive.writestr(f"top/images/validation/{id}.png", png(rng.integers(0, 256, (*size, 3), dtype=np.uint8)))
            archive.writestr(f"top/annotations/validation/{id}.png", png(truth))
            single = confusion_matrix(to_labels(truth), to_labels(SceneParser().annotate(truth)), 3)
            matrix += single
            rows.append(",".join([csv_cell(id), *shares(single)]))
            assert index < 4 or rows[-1] == "nothing,,"
        table = "".join(f"{number}\t{name}, synonym\n" for number, name in enumerate(classes, 1))
        archive.writestr("top/objectInfo150.txt", f"Idx\tName\n{table}")
        archive.writestr("top/sceneCategories.txt", "0001 living_room\nlarge <b>street\n")
    (folder / "per_image.csv").write_text("\n".join(rows) + "\n")
    categories = f"coast,{len(ids)},{matrix.sum()},{','.join(shares(matrix))}\nsome_<place>,3,0,,\n"
    (folder / "per_category.csv").write_text(f"category,images,labelled_pixels,pixel_accuracy,mean_iou\n{categories}")
    write_tables(matrix, classes, folder / "per_class.csv", folder / "confusion.csv")
    write_json(folder / "evaluate.json", {"original": scores(matrix), "resized": scores(matrix * 0)})
    write_curve(folder, "train", "loss", [(10, 2.5), (20, 1.5)])
    write_curve(folder, "validation", "loss", [(10, 2.0), (20, 2.25)])
    write_curve(folder, "validation", "mean_iou", [(10, 0.125), (20, math.nan)])
    flow_file(folder / "training").write_text(FLOWS)

    monkeypatch.setattr("stages.visualize.stage.load_parser", lambda model, card: SceneParser())
    params = load_params(root / "params.yaml")
    return {
        "params": params.model_copy(update={"visualize": settings(best=1, worst=1, random=2)}),
        "model": folder / "model.keras",
        "card": folder / "model.json",
        "dataset": folder / "dataset.zip",
        "scores": folder / "evaluate.json",
        "per_class": folder / "per_class.csv",
        "per_image": folder / "per_image.csv",
        "per_category": folder / "per_category.csv",
        "confusion": folder / "confusion.csv",
        "curves": folder / "training",
        "report": folder / "report",
    }


def settings(**changes):
    """Params of the stage that show no scene, but for what is asked."""
    nothing = {"best": 0, "worst": 0, "random": 0, "seed": 0, "opacity": 0.5, "palette": "standard", "confused": 16}
    return Visualize(**nothing | changes)


def write_curve(folder, split, name, points):
    path = folder / f"training/plots/metrics/{split}/{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([f"step\t{name}", *(f"{step}\t{value}" for step, value in points)]) + "\n")


def built(inputs):
    """The page's text, and its outline."""
    visualize(**inputs)
    text = (inputs["report"] / "index.html").read_text()
    return text, Outline(text)


def decoded(url):
    """The picture in a data URL."""
    kind, content = url.split(";base64,")
    assert kind in ("data:image/png", "data:image/webp")
    return Image.open(io.BytesIO(base64.b64decode(content)))
