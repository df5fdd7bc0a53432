"""`dvc plots show` on tables like evaluate's: what DVC's page and the VS Code extension draw, drawn."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import vl_convert
from ruamel.yaml import YAML

from sceneparse.scores.metrics import write_tables

pytestmark = pytest.mark.slow
CLASSES = tuple(f"class {number}" for number in range(1, 151))
PLOTS = ("metrics/per_class.csv", "metrics/confusion.csv", "metrics/training/gradient_flow.csv")
FLOW = """step,conv1_1,conv1_1_norm,fc6,score_fr
1,0.0,0.1,0.0,1.4
2,0.006,0.1,0.005,1.6
4,0.05,0.1,0.03,0.9
"""


@pytest.fixture(scope="module")
def specs(tmp_path_factory, root):
    """DVC's specifications of the tables' plots, by file, in a repository of its own."""
    folder = tmp_path_factory.mktemp("plots")
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 10, (150, 151))
    matrix[np.arange(150), np.arange(150)] = np.arange(0, 150000, 1000)
    matrix[0] = matrix[:, 0] = 0  # the first class is in no picture
    matrix[2, [4, 7]] = 9000, 8000  # the most confused: 3 taken for 5 and 8
    matrix[3] = 0  # the fourth is in no truth, and often predicted
    matrix[:, 3] = 5000
    environment = {**os.environ, "DVC_SITE_CACHE_DIR": str(folder / "site-cache"), "DVC_NO_ANALYTICS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=folder, env=environment, check=True)
    write_tables(matrix, CLASSES, folder / PLOTS[0], folder / PLOTS[1])
    (folder / PLOTS[2]).parent.mkdir()
    (folder / PLOTS[2]).write_text(FLOW)
    shutil.copytree(root / ".dvc/plots", folder / ".dvc/plots")
    shutil.copy(root / ".gitignore", folder)
    entries = YAML(typ="safe").load(root / "dvc.yaml")["plots"]
    (folder / "dvc.yaml").write_text(json.dumps({"plots": [entry for entry in entries if set(entry) & set(PLOTS)]}))
    subprocess.run(["dvc", "plots", "show"], cwd=folder, env=environment, check=True)
    assert (folder / "dvc_plots/index.html").exists()
    left = subprocess.check_output(["git", "status", "--porcelain"], cwd=folder, text=True)
    assert "dvc_plots" not in left, "Git is told of results by DVC alone"
    found = subprocess.check_output(["dvc", "plots", "show", "--json"], cwd=folder, env=environment, text=True)
    return {name: plots[0]["content"] for name, plots in json.loads(found)["data"].items()}


def drawn(spec):
    """Its SVG. 5.8 is the oldest Vega-Lite at hand: DVC's page has 5.2."""
    return vl_convert.vegalite_to_svg(json.dumps(spec), vl_version="5.8")


def labels(svg):
    return re.findall(r">(class \d+)<", svg)


def test_a_bar_for_each_class_the_longest_first(specs):
    svg = drawn(specs[PLOTS[0]])
    assert "IoU per class" in svg
    assert sorted(labels(svg)) == sorted(CLASSES)
    values = specs[PLOTS[0]]["data"]["values"]
    by_iou = sorted(values, key=lambda row: -float(row["iou"] or 0))
    assert labels(svg) == [row["name"] for row in by_iou]
    assert int(re.search(r'height="(\d+)', svg)[1]) > 150 * 14, "a row of its own for each"


def test_the_heat_map_shows_the_most_confused_classes(specs):
    svg = drawn(specs[PLOTS[1]])
    assert "The classes confused most" in svg
    found = labels(svg)
    assert {"class 3", "class 5", "class 8"} <= set(found)
    assert len(found) < 150, "not all pairs of 150 classes"
    tips = re.findall(r'aria-label="([^"]*)"', svg)
    assert any("class 5" in tip and "9,000" in tip for tip in tips), "the pixels of a cell"


def test_the_heat_map_is_square(specs):
    """Every class that occurs on either side is on both axes, in the order of its number."""
    svg = drawn(specs[PLOTS[1]])
    pattern = r"([XY])-axis titled '(\w+)' for a discrete scale with (\d+) values: ([^\"]*)"
    (left, *truths), (below, *predictions) = ((one[:2], *one[2:]) for one in sorted(re.findall(pattern, svg))[::-1])
    assert (left, below) == (("Y", "truth"), ("X", "prediction"))
    assert truths == predictions
    names = labels(svg)
    half = len(names) // 2
    assert names[:half] == names[half:] == sorted(names[:half], key=lambda name: int(name.split()[1]))
    assert "class 4" in names
    cell = re.search(
        r'<path aria-label="[^"]*class 3; [^"]*class 5; [^"]*"[^>]* d="M[\d.]+,[\d.]+h([\d.]+)v([\d.]+)h', svg
    )
    assert cell[1] == cell[2], "pixels of a cell"


def test_a_line_for_each_layer_that_the_network_has(specs):
    svg = drawn(specs[PLOTS[2]])
    assert "Gradient flow" in svg
    tips = re.findall(r"step: (\d+); mean norm of the gradient: ([\d.]+); layer: (\w+)", svg)
    points = {(layer, int(step), float(norm)) for step, norm, layer in tips}
    # What is zero has no place on a logarithmic axis.
    assert points == {
        ("conv1_1", 2, 0.006),
        ("conv1_1", 4, 0.05),
        ("fc6", 2, 0.005),
        ("fc6", 4, 0.03),
        ("score_fr", 1, 1.4),
        ("score_fr", 2, 1.6),
        ("score_fr", 4, 0.9),
    }
    legend = re.findall(r">(conv1_1|fc6|score_fr)</text>", svg)
    assert legend == ["conv1_1", "score_fr", "fc6"], "from the input to the scores, in two columns"
