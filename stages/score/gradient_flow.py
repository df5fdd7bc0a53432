"""The chart of the gradient's flow: the norm of each layer's gradient over the training, as inline SVG.

Input: for each layer, from the input on, points of (step, norm). Output: an SVG element, its colours left to the page's
style sheet, which mixes them by --depth: 0% is the first layer, 100% the last. Invariant: a norm without a place on a
logarithmic axis (zero, or no finite number) is left out and breaks its line.
"""

import math
import re
from dataclasses import dataclass
from html import escape
from itertools import groupby

from stages.score.charts import Frame, Point, Series, log_axis


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
    def style(self) -> str:
        """What the style sheet makes a colour of."""
        return f"--depth: {self.depth:.1%}"

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
    def svg(self) -> str:
        """The chart as an SVG element. At least one layer has a line."""
        steps, norms = zip(*(point for layer in self.drawn for run in layer.runs for point in run), strict=True)
        # Steps are logarithmic too. The gradient finds its way in the first of them, and the windows 1, 2, 4, 8, ...
        # become equally wide; on a linear axis all that would lie in the margin, beside epochs that look alike.
        frame = Frame("Gradient flow", log_axis(min(steps), max(steps)), log_axis(min(norms), max(norms)))
        for layer in self.drawn:
            # h0 ends each piece with a line of no length: round line ends make a dot of a piece of one point.
            path = " ".join("M" + " ".join(",".join(frame.place(point)) for point in run) + "h0" for run in layer.runs)
            title = f"<title>{escape(layer.summary)}</title>"
            frame.add(f'<path class="depth" style="{layer.style}" d="{path}">{title}</path>')
        return frame.svg()


def _block(series: Series) -> list[str]:
    """Alike for a block's convolutions, for the fully connected layers, and for all layers after these."""
    return re.findall(r"^(?:conv\d+|fc)", series.name)


def _has_place(point: Point) -> bool:
    return all(math.isfinite(value) and value > 0 for value in point)
