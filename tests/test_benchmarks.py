"""Each benchmark runs, with numbers so small that it measures nothing. train_step: tests/stages/train."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import demo_params, write_archive
from photos import picture
from ruamel.yaml import YAML
from small_model import save_small_model

from benchmarks import against_pytorch, recipes, transfer
from sceneparse.network.fcn8s import build_fcn8s
from sceneparse.params.model import Model
from stages.prepare.stage import prepare

pytestmark = pytest.mark.slow


def run(root, name, *flags):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, flags)]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.exhaustive
def test_prepare(root):
    output = run(root, "prepare", "--images", 10, "--rounds", 1, "--memory-images", 2, 4)
    assert "ratio of speed" in output
    assert output.count("peak memory of a worker") == 2


def test_classes(root):
    assert run(root, "classes", "--classes", 20, "--rounds", 1).count("labels that differ: 0") == 1


@pytest.mark.exhaustive
def test_input_pipeline(root):
    assert "CPU, ours / plain" in run(root, "input_pipeline", "--images", 32, "--rounds", 1)


@pytest.mark.exhaustive
def test_scale(root, tmp_path):
    table, shares = tmp_path / "scale.csv", ["--shares", 0.001, 0.002, "--size", 32, "--width", 1 / 64]
    assert "exponents" in run(root, "scale", "--out", table, *shares, "--plot", tmp_path / "scale.svg")
    assert table.read_text().count("evaluate") == 2
    assert "<svg" in (tmp_path / "scale.svg").read_text()


@pytest.mark.exhaustive
def test_bounds(root, tmp_path):
    """Without a stride and at its own size the truth is whole."""
    write_archive(tmp_path / "set.zip", training=1, validation=2, sides=(64, 64))
    rows = run(root, "bounds", tmp_path / "set.zip", "--sizes", 64, "--strides", 1, 32).splitlines()
    assert [line.split()[:3] for line in rows[1:]] == [["64", "1", "1.00"], ["64", "32", rows[2].split()[2]]]
    assert float(rows[2].split()[2]) < 1


def test_transfer():
    """A kernel that has doubled has moved by its own length; a head's gradient of 3 beside 4 has 9 of 25 parts."""
    network = build_fcn8s(3, Model(width=1 / 64))
    before = {f"{name}/kernel": np.array(network.get_layer(name).kernel) for name in ("conv1_1", "conv2_1")}
    network.get_layer("conv1_1").kernel.assign(2 * before["conv1_1/kernel"])
    moved = transfer.movements(network, before)
    assert moved.loc["conv1_1"].tolist() == pytest.approx([1, 1])
    assert moved.loc["conv2_1"].tolist() == pytest.approx([0, 1])
    flow = pd.DataFrame({"step": [1, 3], "conv1_1": [0.0, 0.0], "conv1_2": [0.0, 4.0], "fc7": [1.0, 3.0]})
    assert transfer.flow_shares(flow).to_dict("index") == {
        1: {"conv1": 0, "head": 1},
        3: pytest.approx({"conv1": 16 / 25, "head": 9 / 25}),
    }


@pytest.mark.exhaustive
def test_together(root):
    flags = ["--batch-size", 2, "--width", 1 / 64, "--seconds", 0.1, "--rounds", 1]
    assert re.search(r"input [\d.]+, step [\d.]+, both [\d.]+ pictures/s: ", run(root, "together", *flags))


def test_against_pytorch(monkeypatch, capsys):
    """Processes that answer as the steps do: half a second here, one there, a gigaflop and two of the peak."""
    answers = {"sceneparse": ("1e9", 0.5), "bilinear": ("PyTorch", 1.0), "peak": ("2e9", 0.5)}
    script = "import sys; print(sys.argv[1], flush=True); [print(sys.argv[2], flush=True) for _ in sys.stdin]"
    processes = {name: [sys.executable, "-c", script, title, str(value)] for name, (title, value) in answers.items()}
    monkeypatch.setattr(against_pytorch, "commands", lambda *_: processes)
    against_pytorch.compare("python", 2, 3)
    assert capsys.readouterr().out.splitlines() == [
        "batch 2: sceneparse, 2 GFLOP/s: 0.50 s (0.50 to 0.50)",
        "batch 2: PyTorch: 1.00 s (1.00 to 1.00), ratio 0.50 (0.50 to 0.50)",
        "batch 2: peak, 4 GFLOP/s: 0.50 s (0.50 to 0.50)",
        "batch 2: 50% of the peak",
    ]


@pytest.mark.exhaustive
def test_train_memory(root):
    assert "32 images" in run(root, "train_memory", "--images", 16, 32)


@pytest.mark.exhaustive
def test_epoch_time(root, tmp_path):
    params = demo_params(
        prepare={"size": 32}, model={"width": 1 / 64}, train={"batch_size": 2, "augment": {"crop": 32}}
    )
    write_archive(tmp_path / "set.zip", training=4, validation=2)
    prepare(params, tmp_path / "set.zip", tmp_path / "records")
    YAML().dump(params.model_dump(), tmp_path / "params.yaml")
    output = run(root, "epoch_time", tmp_path / "params.yaml", tmp_path / "records", "--updates", 1)
    assert float(output) > 0


@pytest.mark.exhaustive
def test_recipes(tmp_path, monkeypatch, capsys):
    """All stages, of a recipe that is small enough."""
    small = {"model.width": 1 / 64, "prepare.size": 64, "train.augment.crop": 32, "train.augment.first_crop": None}
    monkeypatch.setitem(recipes.RECIPES, "small", small)
    write_archive(tmp_path / "set.zip", training=4, validation=2)
    flags = [str(tmp_path / "set.zip"), "--out", str(tmp_path / "table.csv"), "--minutes", "0.01", "--only", "small"]
    monkeypatch.setattr(sys, "argv", ["recipes", *flags])
    recipes.main()
    assert "views_original_mean_iou" in capsys.readouterr().out
    assert (tmp_path / "table.csv").read_text().count("\n") == 2


@pytest.mark.exhaustive
def test_demo(root):
    assert "pixel_accuracy" in run(root, "demo", "--small")


@pytest.mark.exhaustive
def test_flow(root):
    output = run(root, "flow", "--rounds", 1)
    assert output.count("first line after") == 2
    assert "a task's key" in output


@pytest.mark.exhaustive
def test_predict(root, tmp_path):
    model = save_small_model(tmp_path)
    (tmp_path / "pictures").mkdir()
    picture().save(tmp_path / "pictures/a.png")
    output = run(root, "predict", model, tmp_path / "pictures", "--rounds", 1)
    assert "of 2400 in 1 pictures" in output
