"""Grids of params: the points of KEY=VALUES, their labels and their params files."""

import subprocess
from pathlib import Path

import pytest

from pipeline.experiments.grid import read_grid
from sceneparse.core.errors import InputError
from sceneparse.core.fields import leaves
from sceneparse.params.whole import load_params

ROOT = Path(__file__).parents[3]


def values(points):
    return [tuple(point.values.values()) for point in points]


def test_points_come_in_the_order_typed_and_none_twice():
    points = read_grid(["train.learning_rate=0.01,1e-2,5e-5", "model.width=0.5,1,1.0"], ROOT / "params.yaml")
    assert values(points) == [(0.01, 0.5), (0.01, 1.0), (5e-05, 0.5), (5e-05, 1.0)]
    assert points[1].params.model.width == 1.0
    assert points[1].params.train.learning_rate == 0.01


def test_values_are_read_as_the_params_file_is():
    points = read_grid(
        ["train.xla=true,false", "download.digest=null", "weights.source=sources/none.yaml"], ROOT / "params.yaml"
    )
    assert values(points) == [(True, None, "sources/none.yaml"), (False, None, "sources/none.yaml")]


@pytest.mark.parametrize(
    ("argument", "wanted"),
    [
        ("evaluate.scales=[0.75,1.0]", [[0.75, 1.0]]),
        ("evaluate.scales=[0.75, 1.0],[1],[ 1.0 ]", [[0.75, 1.0], [1.0]]),
        ("train.augment.crop=null,128", [None, 128]),
        ("download.source='a, b',\"c,d\",it''s,e f, g", ["a, b", "c,d", "it''s", "e f", "g"]),
        ("download.source='it''s, or', 'null'", ["it's, or", "null"]),
        ("download.source=a.b/c?d=[e].zip", ["a.b/c?d=[e].zip"]),
    ],
)
def test_a_value_may_be_a_list_or_quoted(tmp_path, argument, wanted):
    points = read_grid([argument], ROOT / "params.yaml")
    assert [next(iter(point.values.values())) for point in points] == wanted
    key = argument.partition("=")[0]
    for point, value in zip(points, wanted, strict=True):  # as the stages read it
        (tmp_path / "params.yaml").write_text(point.params_text((ROOT / "params.yaml").read_text()))
        assert leaves(load_params(tmp_path / "params.yaml").model_dump(mode="json"))[key] == value


def test_a_points_params_keep_the_files_comments_and_can_be_read_back(tmp_path):
    text = (ROOT / "params.yaml").read_text()
    (point,) = read_grid(["train.learning_rate=5e-5", "train.xla=true"], ROOT / "params.yaml")
    file = tmp_path / "params.yaml"
    file.write_text(point.params_text(text))
    assert read_grid(["train.seed=0"], file)[0].params == point.params
    changed = [line for line in file.read_text().splitlines() if line not in text.splitlines()]
    assert [line.split()[0] for line in changed] == ["learning_rate:", "xla:"]
    assert changed[1].endswith("no speed-up on CPU")


@pytest.mark.parametrize(
    ("arguments", "label"),
    [
        (["train.learning_rate=0.0001", "model.width=0.125"], "width-0.125-learning-rate-0.0001"),
        (["train.seed=1", "visualize.seed=2"], "train.seed-1-visualize.seed-2"),
        (["download.source=../a b~^:?*[\\@{x}.lock"], "source-.-a-b-x-.lock"),
        (["download.source=" + "long" * 50], ("source-" + "long" * 50)[:48]),
    ],
)
def test_a_label_can_be_part_of_a_ref(arguments, label):
    (point,) = read_grid(arguments, ROOT / "params.yaml")
    assert point.label == label
    subprocess.run(["git", "check-ref-format", f"refs/exps/aa/bb/{label}-0123abcd"], check=True)


def test_all_that_is_wrong_is_refused_at_once():
    wrong = {
        "train.epochs=2,2.5,x": ["train.epochs: Input should be a valid integer (found 2.5)", "(found 'x')"],
        "train.epochz=1": ["train.epochz: no such param, did you mean train.epochs?"],
        "train.epochs.more=1": ["train.epochs.more: no such param"],
        "train=1": ["train: no such param"],
        "model.width=0.5,2": ["model.width: Input should be less than or equal to 1 (found 2)"],
        "model.dropout": ["model.dropout: no KEY=VALUE"],
        "train.seed=1,,2": ["train.seed=1,,2: an empty value"],
        "train.momentum=[": ["train.momentum=[: line 1, column 2: expected"],
        "train.batch_size=1,[2,": ["train.batch_size=1,[2,: line 1, column 4: expected"],
        "evaluate.batch_size=2001-99-99": ["evaluate.batch_size=2001-99-99: month must be in 1..12"],
        "evaluate.scales=1.0,[[1.0]]": ["evaluate.scales: Input should be a valid", "(found [1.0])"],
        "train.augment.scale_min=1,3": ["scale_min 3.0 is above scale_max 2.0"],
    }
    with pytest.raises(InputError) as refusal:
        read_grid([*wrong, "model.width=1"], ROOT / "params.yaml")
    for fault in ["model.width: it appears twice", *(line for group in wrong.values() for line in group)]:
        assert refusal.value.got.count(fault) == 1, fault


def test_a_params_file_that_is_wrong_already_is_refused_as_such(tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text().replace("flip: 0.5", "flip: 5"))
    with pytest.raises(InputError, match="the params are not valid"):
        read_grid(["train.epochs=2.5"], tmp_path / "params.yaml")
