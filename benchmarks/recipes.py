"""Worth of each switch of a training in the same time, on a dataset of yours: the table of docs/results.md.

    python -m benchmarks.recipes ARCHIVE --out recipes.csv [--minutes 7] [--only NAME ...] [--seeds 0 1 2]
                                 [--weights vgg16_notop.h5] [--views [views] [larger]] [--keep] [--set KEY=VALUE ...]

Recipes of PRESETS are those presets (ancestor at quarter width), every other one is BASE, what the preset scratch was
before these comparisons; both with the params of RECIPES changed. Those of FROM_WEIGHTS need --weights, a Keras
weights file on this machine. A recipe of several STEPS trains in as many parts, each from the model of the part before.
Each model is scored in one view, and again in each of VIEWS unless --views names fewer. --set changes params of all
recipes, into a table of its own: --set train.precision=mixed_bfloat16.

First the updates and the validation of the recipes are timed, which wants an idle machine: each gets as many whole
epochs as fit into the minutes. Then the stages run, prepare to evaluate, and the load of the machine makes no
difference any more. Every row is written when it is known, and a training keeps its checkpoints in a folder beside the
table until then, so all this can be killed and started again. With --keep that folder stays: model, curves, tables.
"""

import argparse
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from benchmarks.recipe_params import ALWAYS, BASE, FREE, FROM_WEIGHTS, PRESETS, RECIPES, SAME_WEIGHTS, STEPS
from sceneparse.core.fields import set_leaf
from sceneparse.core.files import file_digest, write_text
from sceneparse.core.parallel import usable_cpus
from sceneparse.params.presets import preset_params

ROOT = Path(__file__).parents[1]
OTHER_SECONDS = 30.0  # a train stage without its updates: imports, tracing, the decision
VIEWS: dict[str, dict[str, Any]] = {  # more scorings of each model
    "views": {"evaluate.scales": [0.75, 1.0, 1.25], "evaluate.flip": True},
    "larger": {"evaluate.scales": [1.5], "evaluate.flip": False},
}
SCORES = [f"{size}_{name}" for size in ("original", "resized") for name in ("mean_iou", "pixel_accuracy")]
COLUMNS = ["recipe", "seed", "minutes", "epoch_seconds", "epochs", "train_seconds"]
COLUMNS += [*SCORES, *(f"{views}_{name}" for views in VIEWS for name in SCORES), "original_ious"]


class Data(NamedTuple):
    """Dataset of all recipes, a Keras weights file for those that start from one, and params that all share."""

    archive: Path
    weights: Path | None = None
    params: Mapping[str, Any] = MappingProxyType({})


def write_params(path: Path, recipe: str, seed: int, data: Data, epochs: int, step: dict[str, Any]) -> None:
    """Write the params of a recipe and a step of it, and beside them a file NAME.yaml for each of VIEWS."""
    preset = PRESETS.get(recipe, "scratch")
    content = preset_params(preset).model_dump()
    changes = {
        "download.source": str(data.archive),
        "download.digest": None,
        "prepare.colours": "dataset",
        "weights.source": str(data.weights) if preset in FROM_WEIGHTS else "sources/none.yaml",
        "train.start_from": str(path.with_name("backbone")),
        "train.seed": seed,
        "train.epochs": epochs,
        **({} if recipe in PRESETS else BASE),
        **RECIPES[recipe],
        **data.params,
        **step,
    }
    if data.weights and changes["weights.source"] == str(data.weights):
        changes["weights.digest"] = file_digest(data.weights)
    for file, more in (("params", changes), *VIEWS.items()):
        for name, value in more.items():
            set_leaf(content, name, value)
        YAML().dump(content, path.with_name(f"{file}.yaml"))


def stage(name: str, folder: Path, params: str = "params.yaml", **paths: str) -> None:
    """Run a stage in `folder`, with its flags."""
    flags = [word for flag, path in paths.items() for word in (f"--{flag.replace('_', '-')}", str(folder / path))]
    command = [sys.executable, "-m", f"stages.{name}", "--params", str(folder / params), *flags]
    subprocess.run(command, cwd=ROOT, check=True)


def prepared(folder: Path, data: Data) -> dict[str, str]:
    """Run the stages before train; return the flags that name the data."""
    flags = {"dataset": os.path.relpath(data.archive, folder), "records": "records"}
    stage("weights", folder, cache="cache", backbone="backbone")
    stage("prepare", folder, **flags)
    return flags


def cost(recipe: str) -> str:
    """Return a key that recipes with equally long epochs share."""
    changes = {**({} if recipe in PRESETS else BASE), **RECIPES[recipe]}
    priced = {name: value for name, value in sorted(changes.items()) if name not in FREE}
    return json.dumps([PRESETS.get(recipe, "scratch"), priced, STEPS.get(recipe)])


def time_epoch(recipe: str, data: Data) -> float:
    """Return the seconds of an epoch of a recipe, its share of a validation included."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_params(folder / "params.yaml", recipe, 0, data, ALWAYS, STEPS.get(recipe, [{}])[-1])
        prepared(folder, data)
        command = [sys.executable, "-m", "benchmarks.epoch_time", folder / "params.yaml", folder / "records"]
        timed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        return float(timed.stdout.splitlines()[-1])


def train(recipe: str, seed: int, epochs: int, data: Data, folder: Path, views: Sequence[str]) -> dict[str, Any]:
    """Train in `folder`, from where a killed run stopped there, and score; return the columns that this fills."""
    steps, seconds, resumed = STEPS.get(recipe, [{}]), 0.0, folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    model = {"model": f"{len(steps)}.keras", "card": f"{len(steps)}.json"}
    for number, step in enumerate(steps, 1):
        before = {"train.start_from": str(folder / f"{number - 1}.keras")} if number > 1 else {}
        write_params(folder / "params.yaml", recipe, seed, data, max(1, epochs // len(steps)), step | before)
        flags = prepared(folder, data)
        if not (folder / f"curves {number}").exists():  # the last that stage train writes
            start = time.monotonic()
            files = {"model": f"{number}.keras", "card": f"{number}.json", "curves": f"curves {number}"}
            stage("train", folder, records="records", **files, state="state")
            seconds += time.monotonic() - start
    columns: dict[str, Any] = {} if resumed else {"train_seconds": round(seconds)}
    for prefix, params in (*((f"{name}_", f"{name}.yaml") for name in views), ("", "params.yaml")):
        tables = {name: f"{name}.csv" for name in ("per_class", "per_image", "per_category", "confusion")}
        stage("evaluate", folder, params, **model, **flags, scores_json="scores.json", **tables)
        scores = json.loads((folder / "scores.json").read_text())
        columns |= {prefix + name: round(scores[name.split("_")[0]][name.split("_", 1)[1]], 4) for name in SCORES}
    with (folder / "per_class.csv").open(newline="") as file:
        ious = [f"{row['name']} {float(row['iou'] or 'nan'):.2f}" for row in csv.DictReader(file)]
    return {**columns, "original_ious": ", ".join(ious)}


class Table:
    """Rows of the file, by recipe, seed and minutes; every change writes the whole file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        if path.exists():
            with path.open(newline="") as file:
                self.rows = {(row["recipe"], row["seed"], row["minutes"]): row for row in csv.DictReader(file)}

    def update(self, key: tuple[str, str, str], **columns: Any) -> None:
        row = self.rows.setdefault(key, dict(zip(COLUMNS, key, strict=False)))
        row.update(columns)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows.values())
        write_text(self._path, text.getvalue())
        print(", ".join(f"{name} {row[name]}" for name in COLUMNS if row.get(name)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--only", nargs="+", choices=RECIPES, metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--views", nargs="*", choices=VIEWS, default=list(VIEWS), help="scorings beside that of one view"
    )
    parser.add_argument("--weights", type=Path, help="Keras weights file, for the recipes that start from one")
    parser.add_argument("--keep", action="store_true", help="leave the folder of each training beside the table")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="params of all recipes")
    args = parser.parse_args()
    params = {key: YAML(typ="safe").load(value) for key, _, value in (word.partition("=") for word in args.set)}
    data = Data(args.archive.absolute(), args.weights and args.weights.absolute(), params)
    recipes = args.only or [recipe for recipe in RECIPES if data.weights or PRESETS.get(recipe) not in FROM_WEIGHTS]
    if not data.weights and any(PRESETS.get(recipe) in FROM_WEIGHTS for recipe in recipes):
        parser.error(f"the recipes of presets {' and '.join(FROM_WEIGHTS)} need --weights")
    table = Table(args.out)
    wanted = [(recipe, str(seed), f"{args.minutes:g}") for recipe in recipes for seed in args.seeds]
    timed = {cost(recipe): float(row["epoch_seconds"]) for (recipe, _, _), row in table.rows.items()}
    for key in wanted:
        if key not in table.rows:
            seconds = timed[cost(key[0])] = timed.get(cost(key[0])) or time_epoch(key[0], data)
            epochs = max(1, int((60 * args.minutes - OTHER_SECONDS) / seconds))
            table.update(key, epoch_seconds=round(seconds, 2), epochs=epochs)
    for key in wanted:
        recipe, seed, _ = key
        if recipe not in SAME_WEIGHTS and not table.rows[key].get("original_mean_iou"):
            folder = args.out.absolute().with_suffix(".unfinished") / ", ".join(key)
            table.update(key, **train(recipe, int(seed), int(table.rows[key]["epochs"]), data, folder, args.views))
            if not args.keep:
                shutil.rmtree(folder)
    print(f"{time.strftime('%Y-%m-%d')}, {usable_cpus()} cores, {args.minutes:g} minutes of training each")


if __name__ == "__main__":
    main()
