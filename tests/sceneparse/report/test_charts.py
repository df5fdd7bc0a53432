"""The report's charts: what is read, and what of it is in the specifications."""

import json
import math
import re

import numpy as np
import pytest
from report_inputs import FLOWS, write_curve

from sceneparse.core.errors import InputError
from sceneparse.report.charts import Chart, Series, log_ticks
from sceneparse.report.measured import read_charts, read_flow
from sceneparse.report.vega import library
from sceneparse.scores.curves import flow_file


def test_curves_that_exist(tmp_path):
    assert read_charts(tmp_path) == []
    write_curve(tmp_path, "train", "learning_rate", [(1, 0.001)])
    write_curve(tmp_path, "validation", "mean_iou", [(1, math.nan)])
    assert read_charts(tmp_path / "training") == [Chart("Learning rate", (Series("train", ((1.0, 0.001),)),))]


def test_points_that_can_be_drawn_and_the_best_of_them():
    chart = Chart("Loss", (Series("a", ((0, 3), (50, math.inf), (100, 1), (150, 1)), "min"), Series("b", ((5, 2),))))
    spec = chart.spec
    json.dumps(spec, allow_nan=False)
    assert spec["data"]["values"] == [
        {"step": 0, "value": 3, "series": "a", "best": False},
        {"step": 100, "value": 1, "series": "a", "best": True},
        {"step": 150, "value": 1, "series": "a", "best": False},
        {"step": 5, "value": 2, "series": "b", "best": False},
    ]
    assert spec["encoding"]["color"]["scale"]["domain"] == ["a", "b"]
    assert len(spec["layer"]) == 4
    assert chart.steps == [0, 5, 100, 150]


def test_without_a_best_value_there_is_no_ring():
    assert len(Chart("Rate", (Series("a", ((0, 3),)),)).spec["layer"]) == 3


def flow_of(folder, text):
    flow_file(folder).write_text(text)
    return read_flow(folder)


def drawn(flow):
    return [(row["layer"], row["run"], row["step"], row["norm"]) for row in flow.spec["data"]["values"]]


def test_gradient_norms_with_a_place_on_logarithmic_axes(tmp_path):
    flow = flow_of(tmp_path, FLOWS)
    assert drawn(flow) == [
        ("conv1_1", 0, 10, 1),
        ("conv1_1", 0, 100, 10),
        ("fc6", 0, 100, 10),  # its NaN has no place
        ("score_fr", 0, 1, 10),
        ("score_fr", 0, 10, 100),
        ("score_fr", 0, 100, 10),
    ]
    colour = flow.spec["encoding"]["color"]["scale"]
    assert colour["domain"] == ["conv1_1", "fc6", "score_fr"], "conv1_2 has no line"
    assert [re.findall(r"[\d.]+%", stop["css"]) for stop in colour["range"]] == [["0.0%"], ["66.7%"], ["100.0%"]]
    assert [layer.summary for layer in flow.drawn] == [
        "conv1_1: 1 at step 10, 10 at step 100",
        "fc6: 10 at step 100, 10 at step 100",
        "score_fr: 10 at step 1, 10 at step 100",
    ]
    assert {flow.spec["encoding"][axis]["scale"]["type"] for axis in "xy"} == {"log"}


def test_zeros_break_a_line(tmp_path):
    flow = flow_of(tmp_path, "step,<fc6>\n1,1\n2,0.0\n4,1\n8,2\n16,inf\n32,1\n")
    assert [(run, step) for _, run, step, _ in drawn(flow)] == [(0, 1), (1, 4), (1, 8), (2, 32)]


def test_the_legend_tells_layers_by_depth_and_block(tmp_path):
    names = ["conv1_1", "conv1_2", "conv2_1", "fc6", "fc7", "score_fr", "upscore2", "score_pool4"]
    layers = flow_of(tmp_path, ",".join(["step", *names]) + "\n" + ",".join("1" * 9) + "\n").layers
    assert [layer.name for layer in layers] == names
    assert [layer.name for layer in layers if layer.begins] == ["conv1_1", "conv2_1", "fc6", "score_fr"]
    assert [layer.depth for layer in layers] == pytest.approx([number / 7 for number in range(8)])
    assert " 0.0%," in flow_of(tmp_path, "step,fc6\n1,1\n").layers[0].colour


def test_without_gradient_norms_there_is_no_chart(tmp_path):
    assert read_flow(tmp_path) is None
    assert flow_of(tmp_path, "step,fc6\n1,0.0\n2,nan\n") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "step,fc6\n",
        "epoch,fc6\n1,1\n",
        "step,fc6\n1\n",
        "step,fc6\n1,\n",
        "step,fc6\n1,-1\n",
        "step,fc6\n0,1\n",
        "step,fc6\n1,1\n2",
    ],
)
def test_damaged_gradient_norms_are_refused_by_name(tmp_path, text):
    with pytest.raises(InputError, match=re.escape(str(flow_file(tmp_path)))):
        flow_of(tmp_path, text)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1, 100, [1, 2, 5, 10, 20, 50, 100]),
        (0.21, 0.55, [0.5]),
        (1, 600, [1, 10, 100]),
        (1, 1, [1]),
        (1e-12, 3, [1e-12, 1e-10, 1e-8, 1e-6, 0.0001, 0.01, 1]),
    ],
)
def test_logarithmic_ticks(low, high, expected):
    assert log_ticks(low, high) == expected


def test_logarithmic_ticks_lie_within_their_range():
    rng = np.random.default_rng(0)
    for low, factor in zip(10 ** rng.uniform(-40, 5, 200), 10 ** rng.uniform(1, 20, 200), strict=True):
        ticks = log_ticks(low, low * factor)
        assert 1 <= len(ticks) <= 8
        assert all(low <= tick <= low * factor for tick in ticks)


@pytest.mark.slow
def test_the_library_is_the_same_each_time():
    first = library()
    library.cache_clear()
    assert library() == first
    assert first.endswith("window.vegaEmbed=" + first.rpartition("=")[2])
