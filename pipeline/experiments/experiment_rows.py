"""Experiments of a repository: the rows of `dvc exp show --json`."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.experiments.dvc_experiments import output_of
from pipeline.repro.dvc_commands import failures_understood
from pipeline.repro.param_paths import PARAMS
from pipeline.repro.stage_paths import stage_path
from sceneparse.core.fields import leaves


@dataclass(frozen=True)
class Experiment:
    """Row of `dvc exp show`. `params` and `scores` have flat keys with dots: train.epochs, original.mean_iou."""

    name: str
    baseline: str  # the commit that it started from
    done: bool
    params: dict[str, Any]
    scores: dict[str, float | None]
    dataset: str | None  # DVC's digest of the dataset; None where no stage has read any


def list_experiments(root: Path, *, every_commit: bool = False) -> tuple[Experiment, list[Experiment]]:
    """Return the workspace as a row, and the experiments that started from the current commit, or from any."""
    flags = ["--all-commits"] if every_commit else []
    command = [sys.executable, "-m", "dvc", "exp", "show", "--json", *flags]
    with failures_understood(root):
        workspace, *baselines = json.loads(output_of(command, cwd=root))
    files = {"params": PARAMS, "metrics": stage_path("--scores", root)}
    dataset = str(stage_path("--dataset", root))

    def row(revision: dict[str, Any], name: str, baseline: str, done: bool) -> Experiment:
        data = revision["data"] or {
            "params": {},
            "metrics": {},
            "deps": {},
        }  # None, and an error beside it, if DVC cannot read it
        params, scores = (leaves(data[kind].get(str(path), {}).get("data") or {}) for kind, path in files.items())
        return Experiment(name, baseline, done, params, scores, data["deps"].get(dataset, {}).get("hash"))

    rows = []
    for baseline in baselines:
        for entry in baseline["experiments"] or []:
            done = entry["executor"] is None or entry["executor"]["state"] == "success"
            rows.append(row(entry["revs"][0], entry["name"] or "", baseline["rev"], done))
    return row(workspace, "workspace", baselines[0]["rev"] if baselines else "", True), rows
