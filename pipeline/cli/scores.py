"""Scores on standard output: of the last run, or of any system's predictions.

Input: the evaluate stage's scores, or two folders of PNGs. Output: tables, or JSON.
"""

from pathlib import Path
from typing import Any

from pipeline.repro.changed_params import changed_params
from pipeline.repro.stage_paths import stage_path
from sceneparse.core.errors import few
from sceneparse.core.tables import print_json, print_line, print_table
from sceneparse.scores.results import read_scores


def score(annotations: Path, predictions: Path, classes: Path, as_json: bool) -> None:
    """Print the scores and the per-class table of a folder of predictions."""
    from sceneparse.scores.folders import read_class_table, score_folders
    from sceneparse.scores.metrics import per_class, scores

    names = read_class_table(classes)
    confusion = score_folders(annotations, predictions, len(names))
    frame = per_class(confusion, names)
    rows: list[dict[Any, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")
    if as_json:
        print_json({"scores": scores(confusion), "per_class": rows})
        return
    print_table(["score", "value"], scores(confusion).items())
    print()
    print_table(list(frame.columns), (list(row.values()) for row in rows))


def results(metrics: Path, report: Path) -> None:
    """Print the scores of the evaluate stage, and the path of the report."""
    sections = read_scores(metrics)
    rows = [[name, *(section[name] for section in sections.values())] for name in sections["original"]]
    print_table(["score", *sections], rows)
    print()
    print_line(f"report: {report.resolve() if report.is_file() else f'{report} does not exist yet: dvc repro'}")
    if metrics == stage_path("--scores") and (changed := changed_params(Path())):
        print_line(
            f"note: params have changed since: {', '.join(few(changed))}. `sceneparse run` makes results with them"
        )
