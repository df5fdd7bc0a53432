"""Things on the ground of the demo's scenes.

Each function paints one thing onto a canvas at (x, z), metres to the right of the camera and ahead of it; other lengths
are in metres too. Colours and small differences come from the canvas's generator.
"""

import itertools
import math

import numpy as np

from stages.download.painting.canvas import Canvas, Color, Point, shaded
from stages.download.painting.kinds import Kind

WALLS: tuple[Color, ...] = ((168, 92, 74), (214, 190, 150), (226, 216, 200), (150, 124, 108), (196, 140, 100))
ROOFS: tuple[Color, ...] = ((156, 62, 44), (104, 64, 50), (86, 84, 92))
PAINTS: tuple[Color, ...] = (
    (196, 32, 36),
    (28, 60, 150),
    (236, 236, 236),
    (32, 34, 40),
    (236, 180, 30),
    (30, 120, 100),
)
SIGNS: tuple[Color, ...] = ((20, 84, 190), (16, 128, 72), (246, 200, 24))
SKINS: tuple[Color, ...] = ((236, 194, 164), (198, 144, 106), (122, 82, 58))
CLOTH: tuple[Color, ...] = ((44, 50, 78), (60, 52, 48))
WHITE: Color = (240, 240, 234)


def building(
    canvas: Canvas, left: float, right: float, near: float, far: float, height: float, gabled: bool = False
) -> None:
    """Paint walls with rows of windows, under a flat or a gabled roof."""
    wall, roof = canvas.pick(WALLS), canvas.pick(ROOFS)
    glass = (250, 214, 130) if canvas.light[2] < 0.7 else (70, 90, 112)  # lit up in the evening
    flank = canvas.flank(left, right)
    canvas.block(left, right, 0, height, near, far, wall, Kind.BUILDING)
    if flank:
        _windows(canvas, (flank[0], near), (flank[0], far), height, shaded(glass, flank[1]))
    _windows(canvas, (left, near), (right, near), height, glass)
    if not gabled:
        canvas.panel(left, right, height - 0.4, height, near, shaded(wall, 0.6))
        return
    ridge, peak = (left + right) / 2, height + 0.4 * (right - left)
    if flank:
        slope = ((flank[0], height, near), (ridge, peak, near), (ridge, peak, far), (flank[0], height, far))
        canvas.shape(slope, shaded(roof, flank[1]), Kind.BUILDING)
    canvas.shape(((left - 0.3, height, near), (right + 0.3, height, near), (ridge, peak, near)), roof, Kind.BUILDING)
    canvas.panel(ridge - 0.6, ridge + 0.6, 0, 2.2, near, shaded(roof, 0.6))


def _windows(canvas: Canvas, start: tuple[float, float], end: tuple[float, float], height: float, glass: Color) -> None:
    """Paint rows of windows on the wall from `start` to `end`, each (x, z)."""

    def at(part: float, y: float) -> Point:
        return start[0] + (end[0] - start[0]) * part, y, start[1] + (end[1] - start[1]) * part

    columns = max(1, int(math.dist(start, end) / 2.8))
    for column in range(columns):
        a, b = (column + 0.25) / columns, (column + 0.75) / columns
        for floor in range(int(height / 2.9)):
            low = floor * 2.9 + 0.9
            pane = shaded(glass, canvas.rng.uniform(0.7, 1.2))
            canvas.shape((at(a, low), at(b, low), at(b, low + 1.5), at(a, low + 1.5)), pane)


def tree(canvas: Canvas, x: float, z: float, height: float) -> None:
    """Paint a trunk under a crown of leaves, lit from the sun's side."""
    leaf = canvas.pick([(46, 100, 38), (64, 112, 42), (38, 84, 48)])
    crown, sun = height * canvas.rng.uniform(0.26, 0.34), 1 if canvas.sun_right else -1
    canvas.shadow(x, z, crown)
    canvas.panel(x - height * 0.035, x + height * 0.035, 0, height * 0.5, z, (86, 62, 44), Kind.TREE)
    for i in range(9):  # tufts on a spiral, the golden angle apart
        dx, dy = (crown * math.sqrt(i / 9) * turn(i * 2.4) for turn in (math.cos, math.sin))
        tuft = shaded(leaf, 0.9 + 0.35 * (sun * dx + dy) / crown)
        canvas.disc((x + dx, height * 0.66 + dy, z), crown * 0.5, crown * 0.46, tuft, Kind.TREE)


def conifer(canvas: Canvas, x: float, z: float, height: float) -> None:
    """Paint a fir: tiers of branches, one half in the sun."""
    leaf = canvas.pick([(28, 72, 46), (36, 80, 40)])
    canvas.shadow(x, z, height * 0.2)
    canvas.panel(x - height * 0.03, x + height * 0.03, 0, height * 0.2, z, (80, 58, 44), Kind.TREE)
    for tier in range(4):
        low, reach = height * (0.12 + 0.2 * tier), height * (0.25 - 0.045 * tier)
        top = (x, min(low + height * 0.4, height), z)
        for edge, sunny in ((x - reach, not canvas.sun_right), (x + reach, canvas.sun_right)):
            canvas.shape((top, (edge, low, z), (x, low, z)), shaded(leaf, 1.15 if sunny else 0.8), Kind.TREE)


def car(canvas: Canvas, x: float, z: float) -> None:
    """Paint a car from behind."""
    paint, glass, tyre = canvas.pick(PAINTS), (58, 72, 88), (24, 24, 26)
    left, right = x - 0.95, x + 0.95
    canvas.shadow(x, z - 0.2, 1.5)
    for wheel in (left, right - 0.35):
        canvas.panel(wheel, wheel + 0.35, 0, 0.5, z, tyre, Kind.CAR)
    canvas.block(left, right, 0.25, 0.95, z, z + 4.2, paint, Kind.CAR)
    if flank := canvas.flank(left, right):
        for hub in (z + 0.9, z + 3.3):
            rim = [(flank[0], 0.36 + 0.36 * math.sin(a), hub + 0.4 * math.cos(a)) for a in np.arange(0, 6.28, 0.6)]
            canvas.shape(rim, tyre, Kind.CAR)
    canvas.block(left + 0.12, right - 0.12, 0.95, 1.55, z + 0.5, z + 3, paint, Kind.CAR)
    if flank := canvas.flank(left + 0.12, right - 0.12):
        pane = [(flank[0], y, end) for y, end in ((1, z + 0.7), (1.45, z + 0.7), (1.45, z + 2.8), (1, z + 2.8))]
        canvas.shape(pane, glass)
    canvas.panel(left + 0.25, right - 0.25, 1.02, 1.46, z + 0.5, glass)
    canvas.panel(left + 0.55, right - 0.55, 0.45, 0.65, z, WHITE)
    for lamp in (left + 0.08, right - 0.4):
        canvas.panel(lamp, lamp + 0.32, 0.66, 0.86, z, (230, 30, 24))


def person(canvas: Canvas, x: float, z: float) -> None:
    """Paint somebody on foot."""
    coat, trousers, skin = canvas.pick(PAINTS), canvas.pick(CLOTH), canvas.pick(SKINS)
    tall = canvas.rng.uniform(1.6, 1.95)
    hip, shoulder = 0.45 * tall, 0.84 * tall
    canvas.shadow(x, z - 0.1, 0.5)
    for leg in (x - 0.24, x + 0.02):
        canvas.panel(leg, leg + 0.22, 0, 0.5 * tall, z, trousers, Kind.PERSON)
    torso = ((x - 0.38, hip, z), (x + 0.38, hip, z), (x + 0.3, shoulder, z), (x - 0.3, shoulder, z))
    canvas.shape(torso, coat, Kind.PERSON)
    canvas.panel(x - 0.2, x + 0.2, hip, 0.95 * shoulder, z, shaded(coat, 0.82))  # the rest of the torso is arms
    canvas.disc((x, 0.92 * tall, z), 0.17, 0.19, (60, 44, 36), Kind.PERSON)
    canvas.disc((x, 0.9 * tall, z), 0.15, 0.16, skin, Kind.PERSON)


def streetlight(canvas: Canvas, x: float, z: float, arm: float) -> None:
    """Paint a post with a lamp `arm` metres to its right, or to its left if negative."""
    steel = canvas.pick([(64, 70, 76), (46, 74, 66)])
    canvas.shadow(x, z - 0.1, 0.5)
    canvas.panel(x - 0.17, x + 0.17, 0, 5, z, steel, Kind.STREETLIGHT)
    canvas.panel(x - 0.3, x + 0.3, 0, 0.6, z, shaded(steel, 0.8), Kind.STREETLIGHT)
    canvas.panel(min(x, x + arm), max(x, x + arm), 4.8, 5.1, z, steel, Kind.STREETLIGHT)
    canvas.disc((x + arm, 4.75, z), 0.55, 0.32, (255, 240, 190), Kind.STREETLIGHT)


def signboard(canvas: Canvas, x: float, z: float, width: float) -> None:
    """Paint a coloured board with a white border and two lines of writing, on posts without a class."""
    color, low, height = canvas.pick(SIGNS), 1.9, 0.65 * width
    for post in (x - 0.35 * width, x + 0.35 * width):
        canvas.panel(post - 0.08, post + 0.08, 0, low, z, (120, 122, 124), Kind.OTHER)
    canvas.panel(x - 0.5 * width, x + 0.5 * width, low, low + height, z, WHITE, Kind.SIGNBOARD)
    canvas.panel(x - 0.45 * width, x + 0.45 * width, low + 0.08 * height, low + 0.92 * height, z, color)
    for line in (low + 0.23 * height, low + 0.54 * height):
        end = x + width * canvas.rng.uniform(0, 0.35)
        canvas.panel(x - 0.35 * width, end, line, line + 0.15 * height, z, WHITE)


def fence(canvas: Canvas, x0: float, z0: float, x1: float, z1: float, height: float) -> None:
    """Paint planks and two rails along the line from (x0, z0) to (x1, z1)."""
    wood, planks = canvas.pick([(138, 84, 46), (122, 74, 52)]), 14
    ends = [(x0 + (x1 - x0) * i / planks, z0 + (z1 - z0) * i / planks) for i in range(planks + 1)]
    for i, ((xa, za), (xb, zb)) in enumerate(itertools.pairwise(ends)):
        plank = ((xa, 0, za), (xb, 0, zb), (xb, height, zb), (xa, height, za))
        canvas.shape(plank, shaded(wood, (0.8, 1.15)[i % 2]), Kind.FENCE)
    for y in (0.25 * height, 0.75 * height):
        canvas.shape(((x0, y, z0), (x1, y, z1), (x1, y + 0.12, z1), (x0, y + 0.12, z0)), shaded(wood, 0.6))


def boat(canvas: Canvas, x: float, z: float, length: float) -> None:
    """Paint a sailing boat."""
    hull, sail = canvas.pick(PAINTS), canvas.pick([(246, 244, 236), (240, 120, 70)])
    half, deck, mast = length / 2, 0.2 * length, 0.04 * length
    boom = 1.3 * deck
    canvas.shadow(x, z - 0.4, half)
    canvas.panel(x - mast, x + mast, deck, 1.15 * length, z, (90, 66, 48), Kind.BOAT)
    canvas.shape(((x + mast, boom, z), (x + half, boom, z), (x + mast, 1.1 * length, z)), sail, Kind.BOAT)
    jib = ((x - mast, boom, z), (x - 0.8 * half, boom, z), (x - mast, 0.9 * length, z))
    canvas.shape(jib, shaded(sail, 0.86), Kind.BOAT)
    sides = ((x - 0.8 * half, 0, z), (x + 0.8 * half, 0, z), (x + 1.1 * half, deck, z), (x - 1.1 * half, deck, z))
    canvas.shape(sides, hull, Kind.BOAT)


def clutter(canvas: Canvas, x: float, z: float) -> None:
    """Paint a boulder or a bin: things without a class."""
    size = canvas.rng.uniform(0.4, 0.7)
    canvas.shadow(x, z - 0.1, size)
    if canvas.rng.random() < 0.5:
        canvas.disc((x, size * 0.6, z), size, size * 0.7, canvas.pick([(128, 126, 130)]), Kind.OTHER)
    else:
        color = canvas.pick([(60, 140, 90), (180, 60, 140), (120, 70, 160)])
        canvas.block(x - size / 2, x + size / 2, 0, 1.6 * size, z, z + size, color, Kind.OTHER)


def parasol(canvas: Canvas, x: float, z: float) -> None:
    """Paint a sunshade, which has no class either."""
    color = canvas.pick([(230, 60, 120), (250, 210, 60), (60, 180, 200)])
    canvas.shadow(x, z - 0.1, 1.2)
    canvas.panel(x - 0.06, x + 0.06, 0, 2.1, z, WHITE, Kind.OTHER)
    for left, right, shade in ((-1.4, -0.5, 0.8), (-0.5, 0.5, 1.1), (0.5, 1.4, 0.9)):
        canvas.shape(((x + left, 1.9, z), (x + right, 1.9, z), (x, 2.7, z)), shaded(color, shade), Kind.OTHER)
