"""`sceneparse compare`: experiments ranked by a score, with the params in which they differ.

Input: the rows of `dvc exp show`. Output: a table or JSON, best first, with the workspace's own result among them; or a
page of two runs.
"""

import math
from dataclasses import asdict
from pathlib import Path

from pipeline.experiments.experiment_rows import Experiment, list_experiments
from pipeline.experiments.ranking_table import print_ranking
from pipeline.repro.project import Project
from pipeline.repro.project_root import project_root
from pipeline.repro.stage_paths import stage_path
from sceneparse.core.errors import BusyError, InputError
from sceneparse.core.tables import print_json

COLUMNS = ("original.mean_iou", "original.pixel_accuracy")


def compare(by: str, every_commit: bool, as_json: bool, html: list[str] | None, output: Path | None) -> None:
    """Print the experiments that started from the current commit, or from any, best first by the score `by`.

    With `html`, write a page of two runs instead: those of these two names, or the workspace and the best experiment.
    """
    project = Project(project_root(Path.cwd()))
    if html is not None and len(html) not in (0, 2):
        raise InputError(
            "a page compares two runs",
            expected="--html A B, or --html alone: the workspace and the best experiment",
            got=f"--html {' '.join(html)}",
            file="the command line",
            next_step="name one more, such as workspace; sceneparse compare lists the experiments",
        )
    if output and html is None:
        raise InputError(
            "--output names a page, and no page is asked for",
            expected="--html, alone or with two runs to compare",
            got=f"--output {output} alone",
            file=output,
            next_step="add --html, or leave --output out",
        )
    if html:
        _write_page(project, html, output)
        return
    workspace, experiments = list_experiments(project.root, every_commit=every_commit)
    score = _score_name(by, [*experiments, workspace], project.root / stage_path("--scores", project.root))
    rows = sorted([*experiments, workspace], key=lambda row: (-_value(row, score), row is workspace, row.name))
    ranked = [row for row in rows if row is not workspace]
    if html is not None:
        if not ranked:
            raise InputError(
                "there is no experiment to compare the workspace with",
                expected="an experiment of this commit, or with --all of any",
                got="none",
                file=project.root,
                next_step="sceneparse sweep makes some",
            )
        _write_page(project, ["workspace", ranked[0].name], output)
        return
    keys = dict.fromkeys(key for row in [workspace, *ranked] for key in row.params)
    differing = [key for key in keys if any(row.params.get(key) != workspace.params.get(key) for row in ranked)]
    current = _up_to_date(project)
    if as_json:
        described = [
            asdict(row) | {"params": {key: row.params.get(key) for key in differing}} for row in [*ranked, workspace]
        ]
        reference = described.pop() | {"up_to_date": current}
        print_json({"by": score, "experiments": described, "workspace": reference})
        return

    print_ranking(rows, workspace, differing, list(dict.fromkeys([*COLUMNS, score])))
    if current is False:
        print("\nworkspace: its scores do not belong to its params, code and data; sceneparse run makes new ones")
    if current is None:
        print("\nworkspace: a run is at work; these scores are of the run before it")
    if not ranked:
        print("\nno experiments: sceneparse sweep makes some; --all shows those of other commits")


def _write_page(project: Project, runs: list[str], output: Path | None) -> None:
    from pipeline.experiments.compare_page import write_comparison

    write_comparison(project, runs, output)


def _score_name(by: str, rows: list[Experiment], file: Path) -> str:
    """Return a score's full name: mean_iou is original.mean_iou. Raises InputError if no row has it."""
    name = by if "." in by else f"original.{by}"
    known = dict.fromkeys(score for row in rows for score in row.scores)
    if known and name not in known:
        raise InputError(
            "there is no such score",
            expected=", ".join(known),
            got=name,
            file=file,
            next_step="use one of those names; you may omit original.",
        )
    return name


def _value(row: Experiment, score: str) -> float:
    value = row.scores.get(score)
    return -math.inf if value is None else value


def _up_to_date(project: Project) -> bool | None:
    """Return whether the workspace's scores belong to its params, code and data; None during a run."""
    try:
        return all(project.current(stage.name) for stage in project.stages())
    except BusyError:
        return None
