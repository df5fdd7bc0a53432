"""The recipes that are compared: what each of them changes, and the table that is written row by row."""

import csv
import json
import sys
from subprocess import CalledProcessError

import pytest

from benchmarks import recipes
from benchmarks.recipe_params import BASE, FROM_WEIGHTS, PRESETS, RECIPES, STEPS
from benchmarks.recipes import COLUMNS, Data, Table, write_params
from sceneparse.core.files import file_digest
from sceneparse.params.presets import preset_params
from sceneparse.params.whole import load_params


def leaves(value, name=""):
    if not isinstance(value, dict):
        return {name: value}
    return {leaf: found for key, child in value.items() for leaf, found in leaves(child, f"{name}.{key}").items()}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_its_preset_or_the_base_with_what_it_names_changed(tmp_path, recipe):
    (tmp_path / "notop.h5").write_bytes(b"weights")
    data = Data(tmp_path / "set.zip", tmp_path / "notop.h5")
    for step in STEPS.get(recipe, [{}]):
        write_params(tmp_path / "params.yaml", recipe, 3, data, 5, step)
        params, views, larger = (load_params(tmp_path / f"{name}.yaml") for name in ("params", "views", "larger"))
        preset = leaves(preset_params(PRESETS.get(recipe, "scratch")).model_dump())
        before = preset if recipe in PRESETS else preset | {f".{name}": value for name, value in BASE.items()}
        after = leaves(params.model_dump())
        changed = {name.removeprefix(".") for name in after if after[name] != before[name]}
        inputs = {"download.source", "prepare.colours", "weights.source", "weights.digest", "train.start_from"}
        same = {name for name in step if before[f".{name}"] == step[name]}
        assert changed - inputs == {*RECIPES[recipe], *step, "train.seed", "train.epochs"} - inputs - same
        assert (params.train.seed, params.train.epochs) == (3, 5)
        assert params.download.source == str(data.archive)
        assert params.download.digest is None
        starts = PRESETS.get(recipe) in FROM_WEIGHTS and not recipe.endswith("random weights")
        assert params.weights.source == (str(data.weights) if starts else "sources/none.yaml")
        assert params.weights.digest == (file_digest(data.weights) if starts else None)
        assert (views.evaluate.flip, larger.evaluate.scales, larger.evaluate.flip) == (True, [1.5], False)
        assert all(more.model_copy(update={"evaluate": params.evaluate}) == params for more in (views, larger))


def test_params_of_all_recipes(tmp_path):
    data = Data(tmp_path / "set.zip", params={"train.precision": "mixed_bfloat16"})
    for recipe in ("base", "default"):
        write_params(tmp_path / "params.yaml", recipe, 0, data, 5, {})
        assert load_params(tmp_path / "params.yaml").train.precision == "mixed_bfloat16"


def test_a_killed_training_starts_again_where_it_was(tmp_path, monkeypatch):
    """The last part's training was killed at first, then the scoring: no part that is done is trained again."""
    ran, kills = [], ["3.keras", "evaluate"]

    def stage(name, folder, params="params.yaml", **paths):
        ran.append((name, paths.get("model")))
        if name == "train":
            (folder / "state").mkdir(exist_ok=True)
        if kills and kills[0] in (name, paths.get("model")):
            raise CalledProcessError(1, kills.pop(0))
        if name == "train":
            start = {"1.keras": "backbone", "2.keras": "1.keras", "3.keras": "2.keras"}[paths["model"]]
            assert load_params(folder / params).train.start_from == str(folder / start)
            (folder / paths["curves"]).mkdir()
        if name == "evaluate":
            scores = {"mean_iou": 0.5, "pixel_accuracy": 0.75}
            (folder / "scores.json").write_text(json.dumps({"original": scores, "resized": scores}))
            (folder / "per_class.csv").write_text("name,iou\nsky,0.5\n")

    monkeypatch.setattr(recipes, "stage", stage)
    monkeypatch.setattr(recipes, "time_epoch", lambda *_: 1.0)
    (tmp_path / "notop.h5").write_bytes(b"weights")
    archive, out, file = (str(tmp_path / name) for name in ("set.zip", "t.csv", "notop.h5"))
    flags = ["--out", out, "--weights", file, "--only", "imagenet, 32s 16s 8s"]
    monkeypatch.setattr(sys, "argv", ["recipes", archive, *flags])
    for _ in range(2):
        with pytest.raises(CalledProcessError):
            recipes.main()
        assert len(list((tmp_path / "t.unfinished").iterdir())) == 1
    recipes.main()
    trained = [model for name, model in ran if name == "train"]
    assert trained == ["1.keras", "2.keras", "3.keras", "3.keras"]
    assert list((tmp_path / "t.unfinished").iterdir()) == []
    (row,) = Table(tmp_path / "t.csv").rows.values()
    assert (row["original_mean_iou"], row["original_ious"]) == ("0.5", "sky 0.50")
    assert row["train_seconds"] == "", "of a part of the training"


def test_recipes_of_imagenets_weights_need_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["recipes", "set.zip", "--out", str(tmp_path / "t.csv"), "--only", "imagenet"])
    with pytest.raises(SystemExit):
        recipes.main()
    assert "need --weights" in capsys.readouterr().err


def test_a_row_is_written_at_once_and_read_again(tmp_path):
    Table(tmp_path / "t.csv").update(("default", "0", "7"), epochs=12)
    table = Table(tmp_path / "t.csv")
    table.update(("ema 0", "0", "7"), epochs=11)
    table.update(("default", "0", "7"), original_mean_iou=0.5)
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    assert [(row["recipe"], row["epochs"], row["original_mean_iou"]) for row in rows] == [
        ("default", "12", "0.5"),
        ("ema 0", "11", ""),
    ]


def test_recipes_that_take_as_long_are_timed_once():
    assert recipes.cost("imagenet") == recipes.cost("imagenet, learning_rate 0.001")
    assert recipes.cost("imagenet") == recipes.cost("imagenet, random weights")
    others = ("imagenet, one window", "imagenet, head_channels 512", "imagenet, 32s 16s 8s", "default", "base")
    assert len({recipes.cost(recipe) for recipe in ("imagenet", *others)}) == 6
