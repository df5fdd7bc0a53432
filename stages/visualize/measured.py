"""The tables of evaluate and train as the report's rows, charts and gradient flow.

Input: the tables of evaluate, and the folder of curves, in which the gradient's flow is too.
Output: plain data. Invariant: a value that does not exist (an empty cell, a null) is None; a file that does not fit
is refused by name.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from sceneparse.scores.curves import flow_file, metric_file
from sceneparse.scores.results import read_table, results_of
from stages.visualize.charts import Chart, Series
from stages.visualize.gradient_flow import GradientFlow

Row = TypeVar("Row")


class ImageRow(NamedTuple):
    """Row of per_image.csv."""

    id: str
    pixel_accuracy: float | None
    mean_iou: float | None


class ClassRow(NamedTuple):
    """Row of per_class.csv; `value` is the class's annotation value."""

    value: int
    name: str
    iou: float | None
    accuracy: float | None
    labelled_pixels: int
    predicted_pixels: int


class CategoryRow(NamedTuple):
    """Row of per_category.csv: a scene category's scores, over all pixels of its images."""

    name: str
    images: int
    labelled_pixels: int
    pixel_accuracy: float | None
    mean_iou: float | None


class Confused(NamedTuple):
    """Row of confusion.csv: pixels by true and predicted class, as annotation values; prediction 0 = no class."""

    truth: int
    prediction: int
    pixels: int
    share: float


def read_images(path: Path) -> list[ImageRow]:
    """Read the scores of each validation image."""
    return _table(path, lambda row: ImageRow(row["id"], _number(row["pixel_accuracy"]), _number(row["mean_iou"])))


def read_classes(path: Path) -> list[ClassRow]:
    """Read the scores of each class, in order of annotation values."""
    return _table(
        path,
        lambda row: ClassRow(
            value=int(row["class_id"]),
            name=row["name"],
            iou=_number(row["iou"]),
            accuracy=_number(row["accuracy"]),
            labelled_pixels=int(row["labelled_pixels"]),
            predicted_pixels=int(row["predicted_pixels"]),
        ),
    )


def read_categories(path: Path) -> list[CategoryRow]:
    """Read the scores of each scene category."""
    return _table(
        path,
        lambda row: CategoryRow(
            name=row["category"],
            images=int(row["images"]),
            labelled_pixels=int(row["labelled_pixels"]),
            pixel_accuracy=_number(row["pixel_accuracy"]),
            mean_iou=_number(row["mean_iou"]),
        ),
    )


def read_confusion(path: Path) -> list[Confused]:
    """Read the cells of the confusion matrix that are not empty."""
    return _table(
        path,
        lambda row: Confused(int(row["truth_id"]), int(row["prediction_id"]), int(row["pixels"]), float(row["share"])),
    )


def read_charts(curves: Path) -> list[Chart]:
    """Build charts of the curves that exist; DVCLive writes a TSV for each, columns step and the metric's name."""

    def series(split: str, name: str, best: Literal["min", "max"] | None = None) -> Series:
        path = metric_file(curves, split, name)
        if not path.is_file():
            return Series(split, (), best)
        return Series(split, tuple(_table(path, lambda row: (float(row["step"]), float(row[name])), "\t")), best)

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


def _table(path: Path, convert: Callable[[dict[str, str]], Row], delimiter: str = ",") -> list[Row]:
    rows = read_table(path, delimiter)
    with results_of(path):
        return [convert(row) for row in rows]


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
