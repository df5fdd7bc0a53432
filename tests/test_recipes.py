"""The recipes that are compared: what each of them changes, and the table that is written row by row."""

import csv

import pytest

from benchmarks.recipes import BASE, COLUMNS, PRESETS, RECIPES, Table, write_params
from sceneparse.params.presets import preset_params
from sceneparse.params.whole import load_params


def leaves(value, name=""):
    if not isinstance(value, dict):
        return {name: value}
    return {leaf: found for key, child in value.items() for leaf, found in leaves(child, f"{name}.{key}").items()}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_its_preset_or_the_base_with_what_it_names_changed(tmp_path, recipe):
    write_params(tmp_path / "params.yaml", recipe, 3, tmp_path / "set.zip", 5)
    params, views = (load_params(tmp_path / name) for name in ("params.yaml", "views.yaml"))
    preset = leaves(preset_params(PRESETS.get(recipe, "scratch")).model_dump())
    before = preset if recipe in PRESETS else preset | {f".{name}": value for name, value in BASE.items()}
    after = leaves(params.model_dump())
    changed = {name.removeprefix(".") for name in after if after[name] != before[name]}
    data = {"download.source", "prepare.colours", "weights.source", "train.start_from"}
    assert changed - data == {*RECIPES[recipe], "train.seed", "train.epochs"}
    assert (params.train.seed, params.train.epochs) == (3, 5)
    assert params.download.source == str(tmp_path / "set.zip")
    assert params.download.digest is None
    assert views.evaluate.flip
    assert views.model_copy(update={"evaluate": params.evaluate}) == params


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
