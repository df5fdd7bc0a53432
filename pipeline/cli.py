"""The `sceneparse` command: scores of any system's predictions, and the results of the last run.

Input: two folders of PNGs, or what the pipeline wrote. Output: tables on standard output, or JSON.
Input that cannot be used is refused without a traceback, exit status 1. Nothing here needs
TensorFlow, and the numerical packages load only with the subcommand that computes.
"""

import argparse
import json
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stages.errors import InputError


def main() -> None:
    """Parse the command line and run the subcommand."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `sceneparse ... | head` ends without a traceback
    parser = argparse.ArgumentParser(prog="sceneparse", description="Scene parsing: scores and results.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("score", help="score a folder of predicted PNGs against a folder of annotations")
    command.add_argument("annotations", type=Path, help="folder of PNGs: 0 = other, left out; 1..N = classes")
    command.add_argument("predictions", type=Path, help="folder of PNGs with the same names and sizes")
    command.add_argument("--classes", type=Path, required=True, help="class table like ADE20K's objectInfo150.txt")
    command.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of tables")
    command.set_defaults(run=score)

    command = commands.add_parser("results", help="show the scores of the last run and where its report is")
    command.add_argument("--metrics", type=Path, default=Path("metrics/evaluate.json"), help="default: %(default)s")
    command.add_argument("--report", type=Path, default=Path("report/index.html"), help="default: %(default)s")
    command.set_defaults(run=results)

    flags = vars(parser.parse_args())
    try:
        flags.pop("run")(**flags)
    except InputError as error:
        sys.exit(f"error: {error}")


def score(annotations: Path, predictions: Path, classes: Path, as_json: bool) -> None:
    """Print the scores and the per-class table of a folder of predictions."""
    from stages.score.folders import read_class_table, score_folders
    from stages.score.metrics import per_class, scores

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
    """Print the scores that the evaluate stage wrote, and the report's path."""
    try:
        content = json.loads(metrics.read_text())
        sections = {name: content[name] for name in ("original", "resized")}
        rows = [[name, *(section[name] for section in sections.values())] for name in sections["original"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "there are no results to show",
            expected="the scores that the evaluate stage writes",
            got=repr(error),
            file=metrics,
            next_step="run the pipeline: dvc repro",
        ) from None
    print_table(["score", *sections], rows)
    print(f"\nreport: {report.resolve() if report.is_file() else f'{report} is not there yet: dvc repro'}")


def print_json(value: object) -> None:
    """Print strict JSON."""
    print(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False))


def print_table(heads: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Print columns under their heads: text to the left, numbers to the right, '-' for what does not exist."""
    content = [list(row) for row in rows]
    numeric = [not any(isinstance(row[column], str) for row in content) for column in range(len(heads))]
    cells = [list(heads), *([_cell(value) for value in row] for row in content)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        )
        print("  ".join(aligned).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
