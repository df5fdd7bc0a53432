"""Line charts as inline SVG, drawn by hand: a few curves need no plotting library.

Input: named series of (step, value). Output: an SVG element as text, its colours left to the page's
style sheet (classes line-0, line-1, grid, axis). Invariant: the same points give the same bytes; points that
are no finite numbers are left out.
"""

import math
from collections.abc import Callable
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
class Axis:
    """From low to high, evenly by `scale`: the identity, or a logarithm."""

    low: float
    high: float
    ticks: list[float]
    scale: Callable[[float], float] = float

    def share(self, value: float) -> float:
        """How far along the axis a value lies: 0 at its beginning, 1 at its end."""
        low, here, high = (self.scale(number) for number in (self.low, value, self.high))
        return (here - low) / (high - low)


class Frame:
    """An SVG element of two axes, to which marks are added."""

    def __init__(self, title: str, x: Axis, y: Axis, x_label: str = "step") -> None:
        self._x, self._y = x, y
        self._parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
        for tick in y.ticks:
            _, place = self.place((x.low, tick))
            self.add(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place}" y2="{place}"/>')
            self.add(f'<text class="axis" text-anchor="end" x="{LEFT - 8}" y="{place}" dy="4">{tick:g}</text>')
        for tick in x.ticks:
            place, _ = self.place((tick, y.low))
            below = HEIGHT - BOTTOM + 18
            self.add(f'<text class="axis" text-anchor="middle" x="{place}" y="{below}">{tick:g}</text>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        self.add(f'<text class="axis" text-anchor="middle" x="{middle:.1f}" y="{HEIGHT - 4}">{escape(x_label)}</text>')

    def place(self, point: Point) -> tuple[str, str]:
        """A point's x and y in the picture."""
        x = LEFT + self._x.share(point[0]) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - self._y.share(point[1]) * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f}", f"{y:.1f}"

    def add(self, mark: str) -> None:
        """Draw an SVG element above those before it."""
        self._parts.append(mark)

    def svg(self) -> str:
        """All of it as text."""
        return "\n".join([*self._parts, "</svg>"])


@dataclass(frozen=True)
class Chart:
    """Curves that share their axes."""

    title: str
    series: tuple[Series, ...]

    @property
    def svg(self) -> str:
        """The chart as an SVG element."""
        return line_chart(self.title, self.series)


def line_chart(title: str, series: tuple[Series, ...]) -> str:
    """SVG of all series over common axes; y begins at 0. The last value is a dot, the best one a ring.

    Each series has at least one finite point.
    """
    steps, values = zip(*(point for one in series for point in one.finite), strict=True)
    frame = Frame(title, linear_axis(min(steps), max(steps)), linear_axis(min(0, *values), max(values)))
    for number, one in enumerate(series):
        path = " ".join(",".join(frame.place(point)) for point in one.finite)
        frame.add(f'<polyline class="line-{number}" points="{path}"/>')
        marks = [("dot", 3.5, one.finite[-1])] + ([("ring", 6, one.best_point)] if one.best_point else [])
        for kind, radius, point in marks:
            x, y = frame.place(point)
            frame.add(f'<circle class="{kind}-{number}" cx="{x}" cy="{y}" r="{radius}"/>')
    return frame.svg()


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart), about `count` steps, that enclose low..high."""
    span = high - low if high > low else max(abs(high), 1.0)
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * count >= span * 0.999)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def linear_axis(low: float, high: float) -> Axis:
    """Between the outermost ticks of low..high."""
    found = ticks(low, high)
    return Axis(found[0], found[-1], found)


def log_axis(low: float, high: float, most: int = 8) -> Axis:
    """Between 1, 2 or 5 times powers of ten that enclose low..high, both positive.

    These are the ticks, or where they are more than `most` only the powers, or every second power, and so on.
    """
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    marks = [(factor, float(f"{factor}e{power}")) for power in powers for factor in (1, 2, 5)]
    first = max(mark for _, mark in marks if mark <= low)
    last = min(mark for _, mark in marks if mark >= high and mark > first)
    found = [(factor, mark) for factor, mark in marks if first <= mark <= last]
    if len(found) > most:
        found = [(factor, mark) for factor, mark in found if factor == 1]
    return Axis(first, last, [mark for _, mark in found[:: math.ceil(len(found) / most)]], math.log10)
