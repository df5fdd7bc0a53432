"""The tables of evaluate and train as the report's rows, charts and gradient flow.

Input: the tables of evaluate, and the folder of curves, in which the gradient's flow is too.
Output: plain data. Invariant: a value that does not exist (an empty cell, a null) is None; a file that does not fit
is refused by name.
"""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, get_type_hints

from sceneparse.report.charts import Chart, Series
from sceneparse.report.gradient_flow import GradientFlow
from sceneparse.scores.curves import flow_file, metric_file
from sceneparse.scores.results import read_table, results_of

Row = TypeVar("Row")


class ImageRow(NamedTuple):
    """Row of per_image.csv."""

    id: str
    pixel_accuracy: float | None
    mean_iou: float | None


class ClassRow(NamedTuple):
    """Row of per_class.csv; `class_id` is the class's annotation value."""

    class_id: int
    name: str
    iou: float | None
    accuracy: float | None
    labelled_pixels: int
    predicted_pixels: int


class CategoryRow(NamedTuple):
    """Row of per_category.csv: a scene category's scores, over all pixels of its images."""

    category: str
    images: int
    labelled_pixels: int
    pixel_accuracy: float | None
    mean_iou: float | None


class Confused(NamedTuple):
    """Row of confusion.csv: pixels by true and predicted class, as annotation values; prediction 0 = no class."""

    truth_id: int
    prediction_id: int
    pixels: int
    share: float


def _finite(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell} in place of a number")
    return value


# What a column's type makes of its cells.
CELLS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: _finite,
    float | None: lambda cell: _finite(cell) if cell else None,
}


def read_rows(path: Path, kind: Callable[..., Row]) -> list[Row]:
    """Return the rows of a table as NamedTuples, whose fields are columns of the table. Raises InputError."""
    rows = read_table(path)
    with results_of(path):
        return [kind(*(CELLS[type](row[column]) for column, type in get_type_hints(kind).items())) for row in rows]


def read_charts(curves: Path) -> list[Chart]:
    """Build charts of the curves that exist; DVCLive writes a TSV for each, columns step and the metric's name."""

    def series(split: str, name: str, best: Literal["min", "max"] | None = None) -> Series:
        path = metric_file(curves, split, name)
        rows = read_table(path, "\t") if path.is_file() else []
        with results_of(path):
            return Series(split, tuple((float(row["step"]), float(row[name])) for row in rows), best)

    charts = {
        "Loss": (series("train", "loss"), series("validation", "loss", "min")),
        "Mean IoU": (series("validation", "mean_iou", "max"),),
        "Pixel accuracy": (series("validation", "pixel_accuracy", "max"),),
        "Learning rate": (series("train", "learning_rate"),),
    }
    drawn = {title: tuple(series for series in curves if series.finite) for title, curves in charts.items()}
    return [Chart(title, curves) for title, curves in drawn.items() if curves]


def read_flow(curves: Path) -> GradientFlow | None:
    """Read the layers' gradient norms; None if there is no such file, or no norm above zero in it."""
    path = flow_file(curves)
    if not path.is_file():
        return None
    with results_of(path), path.open(newline="", encoding="utf-8") as file:
        (key, *layers), *rows = csv.reader(file)
        steps, *norms = zip(*(map(float, row) for row in rows), strict=True)
        if key != "step" or min(steps) < 1 or min(map(min, norms)) < 0:
            raise ValueError("no column of steps from 1 on before columns of norms from 0 on")
        lines = ([*zip(steps, column, strict=True)] for column in norms)
        flow = GradientFlow(tuple(Series(layer, tuple(line)) for layer, line in zip(layers, lines, strict=True)))
    return flow if flow.drawn else None
