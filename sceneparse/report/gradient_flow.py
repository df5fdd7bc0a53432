"""Chart of the gradient flow: the norm of each layer's gradient over the training.

Input: for each layer, from the input on, points of (step, norm). Output: a Vega-Lite specification. Colours depend on
the depth, 0% for the first layer and 100% for the last. Invariant: a norm without a place on a logarithmic axis (zero,
or not finite) is left out and breaks its line.
"""

import math
import re
from dataclasses import dataclass
from itertools import groupby

from sceneparse.report.charts import Point, Series, Spec, flow_spec


@dataclass(frozen=True)
class Layer:
    """Line of a layer, its depth from 0 (input) to 1 (output), and whether a block begins with it."""

    series: Series
    depth: float
    begins: bool

    @property
    def name(self) -> str:
        """Name of the layer in the network."""
        return self.series.name

    @property
    def runs(self) -> list[list[Point]]:
        """Pieces of the line: consecutive points that can be drawn."""
        return [list(run) for drawn, run in groupby(self.series.points, _has_place) if drawn]

    @property
    def colour(self) -> str:
        """Colour as CSS, from blue over red to yellow by depth; `decreasing hue` keeps it from going over green."""
        return f"color-mix(in oklch decreasing hue, var(--late) {self.depth:.1%}, var(--early))"

    @property
    def summary(self) -> str:
        """First and last norm of a layer that has a line."""
        (first, before), (last, after) = self.runs[0][0], self.runs[-1][-1]
        return f"{self.name}: {before:.3g} at step {first:g}, {after:.3g} at step {last:g}"


@dataclass(frozen=True)
class GradientFlow:
    """Norms of the layers' gradients, in order from the input."""

    series: tuple[Series, ...]

    @property
    def layers(self) -> list[Layer]:
        """All layers, with and without a line."""
        layers: list[Layer] = []
        for _, block in groupby(self.series, _block):
            for place, series in enumerate(block):
                layers.append(Layer(series, len(layers) / max(len(self.series) - 1, 1), begins=place == 0))
        return layers

    @property
    def drawn(self) -> list[Layer]:
        """Layers that have a line."""
        return [layer for layer in self.layers if layer.runs]

    @property
    def spec(self) -> Spec:
        """Specification of the chart; at least one layer must have a line."""
        rows = [
            {"step": step, "norm": norm, "layer": layer.name, "run": number}
            for layer in self.drawn
            for number, run in enumerate(layer.runs)
            for step, norm in run
        ]
        return flow_spec(rows, [layer.name for layer in self.drawn], [layer.colour for layer in self.drawn])


def _block(series: Series) -> list[str]:
    """Return a key that is equal for a block's convolutions, for fc6 and fc7, and for all layers after these."""
    return re.findall(r"^(?:conv\d+|fc)", series.name)


def _has_place(point: Point) -> bool:
    return all(math.isfinite(value) and value > 0 for value in point)
