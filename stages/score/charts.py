"""Line charts as inline SVG, drawn by hand: a few curves need no plotting library.

Input: named series of (step, value). Output: an SVG element as text, its colours left to the page's
style sheet (classes line-0, line-1, grid, axis). Invariant: the same points give the same bytes; points that
are no finite numbers are left out.
"""

import math
from dataclasses import dataclass
from html import escape
from typing import Literal

WIDTH, HEIGHT = 480, 230
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 10, 42  # margins around the plotting area

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A curve, and which of its values counts as best."""

    name: str
    points: tuple[Point, ...]
    best: Literal["min", "max"] | None = None

    @property
    def finite(self) -> tuple[Point, ...]:
        """The points that can be drawn."""
        return tuple(point for point in self.points if all(map(math.isfinite, point)))

    @property
    def best_point(self) -> Point | None:
        """The first point with the best value; None where no value counts as best."""
        if not self.best or not self.finite:
            return None
        return (min if self.best == "min" else max)(self.finite, key=lambda point: point[1])


@dataclass(frozen=True)
class Chart:
    """Curves that share their axes."""

    title: str
    series: tuple[Series, ...]

    @property
    def svg(self) -> str:
        """The chart as an SVG element."""
        return line_chart(self.title, self.series)


def line_chart(title: str, series: tuple[Series, ...], x_label: str = "step") -> str:
    """SVG of all series over common axes; y begins at 0. The last value is a dot, the best one a ring.

    Each series has at least one finite point.
    """
    steps, values = zip(*(point for one in series for point in one.finite), strict=True)
    x_ticks, y_ticks = ticks(min(steps), max(steps)), ticks(min(0, *values), max(values))

    def place(point: Point) -> tuple[str, str]:
        x = LEFT + (point[0] - x_ticks[0]) / (x_ticks[-1] - x_ticks[0]) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (point[1] - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]) * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f}", f"{y:.1f}"

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for tick in y_ticks:
        _, y = place((x_ticks[0], tick))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="axis" text-anchor="end" x="{LEFT - 8}" y="{y}" dy="4">{tick:g}</text>')
    for tick in x_ticks:
        x, _ = place((tick, 0))
        parts.append(f'<text class="axis" text-anchor="middle" x="{x}" y="{HEIGHT - BOTTOM + 18}">{tick:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="axis" text-anchor="middle" x="{middle:.1f}" y="{HEIGHT - 4}">{escape(x_label)}</text>')
    for number, one in enumerate(series):
        path = " ".join(",".join(place(point)) for point in one.finite)
        parts.append(f'<polyline class="line-{number}" points="{path}"/>')
        marks = [("dot", 3.5, one.finite[-1])] + ([("ring", 6, one.best_point)] if one.best_point else [])
        for kind, radius, point in marks:
            x, y = place(point)
            parts.append(f'<circle class="{kind}-{number}" cx="{x}" cy="{y}" r="{radius}"/>')
    return "\n".join([*parts, "</svg>"])


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart), about `count` steps, that enclose low..high."""
    span = high - low if high > low else max(abs(high), 1.0)
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * count >= span * 0.999)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]
