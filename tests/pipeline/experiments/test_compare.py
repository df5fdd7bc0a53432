"""Experiments and the workspace, ranked by a score."""

import json

import pytest
from one_stage import DVC_YAML

pytestmark = pytest.mark.slow


def test_compare_ranks_by_a_score(quick):
    quick.run("dvc", "repro")
    quick.run("sceneparse", "sweep", "train.learning_rate=0.001,0.004")
    head, *rows = quick.run("sh", "-c", "cd stages && sceneparse compare").splitlines()
    assert head.split() == ["experiment", "commit", "train.learning_rate", "mean_iou", "pixel_accuracy"]
    assert [row.split()[2:] for row in rows] == [
        ["0.004", "0.4000", "0.6000"],
        ["0.002", "0.2000", "0.8000"],
        ["0.001", "0.1000", "0.9000"],
    ]
    assert rows[1].startswith("workspace")
    by_accuracy = json.loads(quick.run("sceneparse", "compare", "--json", "--by", "resized.pixel_accuracy"))
    assert [row["params"]["train.learning_rate"] for row in by_accuracy["experiments"]] == [0.001, 0.004]
    assert by_accuracy["workspace"]["up_to_date"] is True
    assert "there is no such score" in quick.run("sceneparse", "compare", "--by", "loss", expect=1)
    quick.set_param("train.learning_rate", 0.005)
    assert "do not belong to its params" in quick.run("sceneparse", "compare")


def test_compare_names_experiments_of_another_dataset(quick):
    (quick.path / "dvc.yaml").write_text(DVC_YAML.replace("[work.py]", "[work.py, data.zip]"))
    (quick.path / "data.zip").write_text("scenes")
    quick.commit("a dataset")
    quick.run("dvc", "repro")
    quick.run("dvc", "exp", "save", "--name", "before")
    assert "note:" not in quick.run("sceneparse", "compare")
    (quick.path / "data.zip").write_text("other scenes")
    quick.run("dvc", "repro")
    assert quick.run("sceneparse", "compare").splitlines()[-1].endswith("the same: before")
    rows = json.loads(quick.run("sceneparse", "compare", "--json"))
    assert rows["experiments"][0]["dataset"] != rows["workspace"]["dataset"]
