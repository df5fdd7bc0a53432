"""The chart of the gradient's flow: the norm of each layer's gradient over the training.

Input: for each layer, from the input on, points of (step, norm). Output: a Vega-Lite specification. Colours are mixed
by depth, 0% being the first layer and 100% the last. Invariant: a norm without a place on a logarithmic axis (zero, or
no finite number) is left out and breaks its line.
"""

import math
import re
from dataclasses import dataclass
from itertools import groupby

from stages.visualize.charts import Point, Series, Spec, flow_spec


@dataclass(frozen=True)
class Layer:
    """A layer's line, its place between the input (depth 0) and the output (1), and whether a block begins with it."""

    series: Series
    depth: float
    begins: bool

    @property
    def name(self) -> str:
        """As in the network."""
        return self.series.name

    @property
    def runs(self) -> list[list[Point]]:
        """The pieces of the line: points that can be drawn and follow each other."""
        return [list(run) for drawn, run in groupby(self.series.points, _has_place) if drawn]

    @property
    def colour(self) -> str:
        """As CSS: by lightness and hue, blue over red to yellow, from late to early by decreasing hues.

        The shorter way between the two hues may be over green.
        """
        return f"color-mix(in oklch decreasing hue, var(--late) {self.depth:.1%}, var(--early))"

    @property
    def summary(self) -> str:
        """Its first norm and its last. It has a line."""
        (first, before), (last, after) = self.runs[0][0], self.runs[-1][-1]
        return f"{self.name}: {before:.3g} at step {first:g}, {after:.3g} at step {last:g}"


@dataclass(frozen=True)
class GradientFlow:
    """Norms of the layers' gradients, in order from the input."""

    series: tuple[Series, ...]

    @property
    def layers(self) -> list[Layer]:
        """All of them, with and without a line."""
        found: list[Layer] = []
        for _, block in groupby(self.series, _block):
            for place, one in enumerate(block):
                found.append(Layer(one, len(found) / max(len(self.series) - 1, 1), begins=place == 0))
        return found

    @property
    def drawn(self) -> list[Layer]:
        """Those that have a line."""
        return [layer for layer in self.layers if layer.runs]

    @property
    def spec(self) -> Spec:
        """The chart. At least one layer has a line."""
        rows = [
            {"step": step, "norm": norm, "layer": layer.name, "run": number}
            for layer in self.drawn
            for number, run in enumerate(layer.runs)
            for step, norm in run
        ]
        return flow_spec(rows, [layer.name for layer in self.drawn], [layer.colour for layer in self.drawn])


def _block(series: Series) -> list[str]:
    """Alike for a block's convolutions, for the fully connected layers, and for all layers after these."""
    return re.findall(r"^(?:conv\d+|fc)", series.name)


def _has_place(point: Point) -> bool:
    return all(math.isfinite(value) and value > 0 for value in point)
