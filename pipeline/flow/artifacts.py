"""Prefect artifacts of a run: scores and their change, classes, pictures, links, lineage.

Input: the project's directory after a run. Output: artifacts of the flow run, under constant keys, so that
Prefect shows each artifact's history.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.artifacts import (
    Artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from pipeline.flow.artifact_pictures import curves_picture, picture_sheet
from pipeline.flow.result_links import result_link
from pipeline.repro.git_environment import git_output
from pipeline.repro.stage_paths import stage_path
from sceneparse.core.documents import MOST_BYTES
from sceneparse.core.errors import printable
from sceneparse.core.files import file_digest
from sceneparse.scores.results import Scores, read_table, results_of

COLUMNS = {"original": ("original size", "± original"), "resized": ("training size", "± training")}  # by protocol


def published() -> bool:
    """Return whether Prefect has results of an earlier run."""
    return Artifact.get("scores") is not None


def publish_results(root: Path, scores: Scores, before: Scores) -> None:
    """Publish the stages' results; `before` holds the scores of the last good run, or nothing."""
    create_table_artifact(score_rows(scores, before), key="scores", description=scores_line(scores, before))
    per_class = root / stage_path("--per-class", root)
    with results_of(per_class):
        classes = class_rows(read_table(per_class))
    create_table_artifact(classes, key="per-class", description="The class with the lowest IoU first")
    if curves := curves_picture(root / stage_path("--curves", root)):
        create_image_artifact(curves, key="curves", description="Curves of the training")
    model, report = stage_path("--model", root), stage_path("--report", root)
    if sheet := picture_sheet(root / report / "pictures"):
        create_image_artifact(sheet, key="pictures", description="Image, truth, prediction, overlay")
    if (root / report / "index.html").is_file():
        _link("report", root, report / "index.html", "A page with charts and scenes")
    _link("model", root, model, "For sceneparse predict and web")


def _link(key: str, root: Path, path: Path, description: str) -> None:
    create_link_artifact(result_link(root, path), key=key, link_text=str(path), description=description)


def scores_line(scores: Scores, before: Scores) -> str:
    """Return the mean IoU at original size and its change, with the numbers first: Prefect's cards have 40 letters."""
    value, earlier = (each.get("original", {}).get("mean_iou") for each in (scores, before))
    if value is None:
        return "No mean IoU: no labelled pixel was scored"
    if earlier is None:
        return f"mean IoU {value:.4f}, the first good run"
    return f"mean IoU {value:.4f}, {value - earlier:+.4f} since the last good run"


def score_rows(scores: Scores, before: Scores) -> list[dict[str, str]]:
    """Return a row per score: its value in each protocol, and the change since the last good run."""
    rows = []
    for name in scores["original"]:
        row = {"score": name.replace("_", " ").replace("iou", "IoU")}
        for protocol, section in scores.items():
            value, earlier = section[name], before.get(protocol, {}).get(name)
            score, change = COLUMNS[protocol]
            row[score] = "" if value is None else f"{value:.4f}"
            row[change] = "" if value is None or earlier is None else f"{value - earlier:+.4f}"
        rows.append(row)
    return rows


def class_rows(classes: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the table of classes with four decimals, the lowest IoU first, classes without one last."""
    rows = sorted(classes, key=lambda row: float(row["iou"] or 2))
    return [row | {name: f"{float(row[name]):.4f}" for name in ("iou", "accuracy") if row.get(name)} for row in rows]


@contextmanager
def publish_lineage(root: Path) -> Iterator[None]:
    """Publish the run's lineage when the block ends, with or without an error."""
    try:
        yield
    finally:
        create_markdown_artifact(lineage(root), key="lineage", description="What this run was made from")


def lineage(root: Path) -> str:
    """Return Markdown: the Git commit, the files that differ from it, the digest of dvc.lock, and the params."""
    lock = root / "dvc.lock"
    changed = [name for name in _git(root, "diff", "--name-only", "--relative", "-z", "HEAD").split("\0") if name]
    rows = {
        "commit": _git(root, "rev-parse", "HEAD") or "none",
        "workspace": f"dirty: {', '.join(changed)}" if changed else "clean",
        "dvc.lock": file_digest(lock) if lock.is_file() else "none",
    }
    table = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows.items())
    params = _beginning(root / "params.yaml")
    fence = "`" * (1 + max([2, *map(len, re.findall("`+", params))]))  # longer than any fence inside the params
    return f"| what | which |\n|---|---|\n{table}\n\n{fence}yaml\n{params.rstrip()}\n{fence}\n"


def _beginning(file: Path) -> str:
    """Return a file's text, which may be the reason why the run failed: at most MOST_BYTES of it, 'none' without it."""
    if not file.is_file():
        return "none"
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES).decode(errors="replace")


def _cell(text: str) -> str:
    """Return text for a cell of a Markdown table, with markup, HTML and bars escaped."""
    return re.sub(r"([\\`*_\[\]<>|~&])", r"\\\1", printable(text))


def _git(root: Path, *arguments: str) -> str:
    """Return Git's output, or '' without Git or a repository."""
    return os.fsdecode(git_output(root, *arguments) or b"").strip()
