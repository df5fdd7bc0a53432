"""The chart of the gradient's flow: the norm of each layer's gradient over the training, as inline SVG.

Input: for each layer, from the input on, points of (step, norm). Output: an SVG element and the rows of its legend,
colours left to the page's style sheet, which mixes them by --depth, 0% for the first layer and 100% for the last.
Invariant: a norm without a place on a logarithmic axis (zero, infinite, not a number) is left out and breaks its line.
"""

import math
import re
from dataclasses import dataclass
from html import escape
from itertools import groupby

from stages.score.charts import Frame, Point, Series, log_axis

TITLE = "Gradient flow"


@dataclass(frozen=True)
class Layer:
    """A layer's line and its place between the input (depth 0) and the output (1)."""

    series: Series
    depth: float

    @property
    def name(self) -> str:
        """As in the network."""
        return self.series.name

    @property
    def runs(self) -> list[list[Point]]:
        """The pieces of the line: points that can be drawn and follow each other."""
        return [list(run) for drawn, run in groupby(self.series.points, _has_place) if drawn]

    @property
    def style(self) -> str:
        """What the style sheet makes a colour of."""
        return f"--depth: {self.depth:.1%}"


@dataclass(frozen=True)
class GradientFlow:
    """Norms of the layers' gradients, in order from the input."""

    series: tuple[Series, ...]

    @property
    def layers(self) -> list[Layer]:
        """All of them, with and without a line."""
        last = max(len(self.series) - 1, 1)
        return [Layer(one, number / last) for number, one in enumerate(self.series)]

    @property
    def blocks(self) -> list[list[Layer]]:
        """Rows of the legend: a block of convolutions each, the fully connected layers, the layers of the scores."""
        return [list(row) for _, row in groupby(self.layers, lambda layer: re.findall(r"^conv\d+|^fc", layer.name))]

    @property
    def drawn(self) -> list[Layer]:
        """Those that have a line."""
        return [layer for layer in self.layers if layer.runs]

    @property
    def svg(self) -> str:
        """The chart as an SVG element. At least one layer has a line."""
        steps, norms = zip(*(point for layer in self.drawn for run in layer.runs for point in run), strict=True)
        # Steps are logarithmic too: the first windows (1, 2, 4, 8, ...) become equally wide. All epochs after the
        # first few hundred steps look alike; on a linear axis they would push the beginning into the margin.
        frame = Frame(TITLE, log_axis(min(steps), max(steps)), log_axis(min(norms), max(norms)))
        for layer in self.drawn:
            # h0 gives a run of one point a length, though none, so that round ends make it a dot.
            path = " ".join("M" + " ".join(",".join(frame.place(point)) for point in run) + "h0" for run in layer.runs)
            frame.add(
                f'<path class="depth" style="{layer.style}" d="{path}"><title>{escape(_story(layer))}</title></path>'
            )
        return frame.svg()


def _has_place(point: Point) -> bool:
    return all(math.isfinite(value) and value > 0 for value in point)


def _story(layer: Layer) -> str:
    (first, before), (last, after) = layer.runs[0][0], layer.runs[-1][-1]
    return f"{layer.name}: {before:.3g} at step {first:g}, {after:.3g} at step {last:g}"
