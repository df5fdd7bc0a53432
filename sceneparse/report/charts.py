"""Charts of the report as Vega-Lite specifications, which the page's script draws with the library bundled into it.

Input: named series of (step, value), gradient norms, confusions. Output: JSON values. Invariant: numbers that are
not finite are left out; a colour is written {"css": "var(--line)"}, which no name can look like, and the script
replaces it by that colour of the page's theme.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

HEIGHT, FLOW_HEIGHT = 210, 300  # pixels of a chart, and of the gradient flow
FADED = 0.12  # opacity of a line that does not stand out
LIT = [{"name": "lit", "value": []}]  # the names that stand out; the page's script sets it
CELLS, LEAST, MOST = 416, 26, 64  # pixels of the heat map's side, and the least and most of a cell's

Point = tuple[float, float]
Spec = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """Curve, and which of its values counts as best."""

    name: str
    points: tuple[Point, ...]
    best: Literal["min", "max"] | None = None

    @property
    def finite(self) -> tuple[Point, ...]:
        """Points that can be drawn."""
        return tuple(point for point in self.points if all(map(math.isfinite, point)))

    @property
    def best_point(self) -> Point | None:
        """First point with the best value; None where no value counts as best."""
        if not self.best or not self.finite:
            return None
        return (min if self.best == "min" else max)(self.finite, key=lambda point: point[1])


@dataclass(frozen=True)
class Chart:
    """Curves that share their axes."""

    title: str
    series: tuple[Series, ...]

    @property
    def steps(self) -> list[float]:
        """Steps of all curves, in order."""
        return sorted({step for series in self.series for step, _ in series.finite})

    @property
    def spec(self) -> Spec:
        """Specification: lines with a dot at each point and a ring around the best; y starts at zero."""
        rows = [
            {"step": step, "value": value, "series": series.name, "best": (step, value) == series.best_point}
            for series in self.series
            for step, value in series.finite
        ]
        colours = [_css(f"var(--{name})") for name in ("first", "second")][: len(self.series)]
        colour = {"domain": [series.name for series in self.series], "range": colours}
        lit = _lit("series")
        ring = {"transform": [{"filter": "datum.best"}], "mark": {"type": "point", "size": 130}, "encoding": lit}
        return {
            **_frame(self.title, rows, HEIGHT),
            "params": LIT,
            "encoding": {
                "x": _number("step", scale={"zero": False}, axis={"tickCount": 6}),
                "y": _number("value", title=None, scale={"zero": True}),
                "color": _name("series", legend=None, scale=colour),
            },
            "layer": [
                {"mark": {"type": "line", "strokeWidth": 2}, "encoding": lit},
                {"mark": {"type": "point", "filled": True, "size": 22}, "encoding": lit},
                *([ring] if any(series.best_point for series in self.series) else []),
                _targets([_name("series"), _number("step"), _number("value", format=".4~g")]),
            ],
        }


def flow_spec(rows: Sequence[Spec], layers: Sequence[str], colours: Sequence[str]) -> Spec:
    """Return a chart of gradient norms over steps, with a colour for each layer.

    rows: step, norm, layer and run; a layer's line is broken between its runs.
    """

    # Steps are logarithmic too: gradients change most in the first of them, and the windows 1, 2, 4, 8, ... become
    # equally wide. A linear axis would squeeze them into its margin.
    def logarithmic(field: str) -> Spec:
        values = [row[field] for row in rows]
        axis = {"values": log_ticks(min(values), max(values)), "format": "~g"}
        return _number(field, scale={"type": "log", "nice": False}, axis=axis)

    return {
        **_frame("Gradient flow", rows, FLOW_HEIGHT),
        "params": LIT,
        "encoding": {
            "x": logarithmic("step"),
            "y": {**logarithmic("norm"), "title": None},
            "color": _name("layer", legend=None, scale={"domain": list(layers), "range": list(map(_css, colours))}),
            "detail": {"field": "run"},
        },
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 1.5}, "encoding": _lit("layer")},
            {"mark": {"type": "point", "filled": True, "size": 14}, "encoding": _lit("layer")},
            _targets([_name("layer"), _number("step"), _number("norm", format=".3~g")]),
        ],
    }


def log_ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Return 1, 2 and 5 times powers of ten in low..high, both positive.

    If these are more than `most`, only the powers, or every second power, and so on.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [(factor, float(f"{factor}e{power}")) for power in powers for factor in (1, 2, 5)]
    ticks = [(factor, mark) for factor, mark in marks if low <= mark <= high]
    if len(ticks) > most:
        ticks = [(factor, mark) for factor, mark in ticks if factor == 1]
    return [mark for _, mark in ticks[:: max(1, math.ceil(len(ticks) / most))]]


def confusion_spec(rows: Sequence[Spec], names: Sequence[str]) -> Spec:
    """Return a heat map, truth by prediction: which share of a true class was predicted as each of the others.

    rows: truth, prediction, pixels and share, where there are any pixels; names: of the rows and columns, in order.
    The diagonal is gray: it is the largest by far, and the table of classes shows it.
    """
    order = {"sort": list(names), "scale": {"domain": list(names)}}
    ends = [_css(f"var(--{name})") for name in ("faint", "hot", "hottest")]
    right = "datum.truth == datum.prediction"
    cell = {"step": min(MOST, max(LEAST, CELLS // len(names)))}  # width and height: cells are squares
    return {
        **_frame("Confusions", rows, 0),
        "width": cell,
        "height": cell,
        "autosize": {"type": "pad"},
        "encoding": {
            "x": _name("prediction", **order, axis={"labelAngle": -45, "labelLimit": 110}),
            "y": _name("truth", **order, axis={"labelLimit": 110}),
            "tooltip": [
                _name("truth"),
                _name("prediction"),
                _number("share", format=".1%", title="share of the true class"),
                _number("pixels", format=","),
            ],
        },
        "layer": [
            {"transform": [{"filter": right}], "mark": {"type": "rect", "color": _css("var(--line)")}},
            {
                "transform": [{"filter": f"!({right})"}],
                "mark": "rect",
                "encoding": {
                    "color": _number(
                        "share",
                        # Scaled by the root, so that the many small shares differ too.
                        scale={"type": "sqrt", "range": ends, "interpolate": "rgb", "zero": True},
                        legend={"title": "share of the true class", "format": ".0%", "orient": "top"},
                    )
                },
            },
        ],
    }


def _number(field: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative", **more}


def _name(field: str, **more: Any) -> Spec:
    return {"field": field, "type": "nominal", **more}


def _lit(field: str) -> Spec:
    """Return the encoding that fades all but the names in the chart's param `lit`, unless it is empty."""
    test = f"length(lit) == 0 || indexof(lit, datum.{field}) >= 0"
    return {"opacity": {"condition": {"test": test, "value": 1}, "value": FADED}}


def _targets(tooltip: list[Spec]) -> Spec:
    """Return a layer of unseen points with tooltips: a finger finds them, and a line has no value of its own."""
    return {"mark": {"type": "point", "filled": True, "size": 220, "opacity": 0}, "encoding": {"tooltip": tooltip}}


def _css(colour: str) -> dict[str, str]:
    return {"css": colour}


def _frame(title: str, rows: Sequence[Spec], height: int) -> Spec:
    return {
        "description": title,
        "data": {"values": list(rows)},
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
    }
