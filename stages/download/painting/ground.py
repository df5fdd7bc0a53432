"""Ground of the demo's scenes, and the mountains behind it.

Each function paints over what is already on the canvas. Lengths are in metres, to the right of the camera (left, right)
and ahead of it (near, far); colours vary a little between pictures.
"""

from stages.download.painting.canvas import FAR, Canvas, Color, Point, shaded
from stages.download.painting.kinds import Kind

WHITE: Color = (240, 240, 234)


def plane(canvas: Canvas, color: Color, kind: Kind, near: float = 0, far: float = FAR) -> None:
    """Paint the whole width of the ground."""
    canvas.slab(-FAR, FAR, near, far, canvas.pick([color]), kind)


def water(canvas: Canvas, shore: float) -> None:
    """Paint water from the shore to the horizon, with a line of foam."""
    plane(canvas, canvas.pick([(44, 110, 150), (40, 96, 120), (58, 130, 160)]), Kind.WATER, shore)
    canvas.slab(-FAR, FAR, shore, shore * 1.03, WHITE)


def field(canvas: Canvas, left: float, right: float, near: float, far: float) -> None:
    """Paint ploughed or ripe land, in furrows that run away from the camera."""
    color, furrows = canvas.pick([(206, 168, 70), (140, 96, 60), (190, 178, 84)]), 60
    step = (right - left) / furrows
    for i in range(furrows):
        furrow = shaded(color, (0.82, 1.1)[i % 2])
        canvas.slab(left + i * step, left + (i + 1) * step, near, far, furrow, Kind.FIELD)


def road(canvas: Canvas, left: float, right: float) -> None:
    """Paint asphalt with lines along its edges and dashes along its middle."""
    canvas.slab(left, right, 0, 400, canvas.pick([(92, 92, 98), (112, 108, 106)]), Kind.ROAD)
    for x in (left + 0.25, right - 0.4):
        canvas.slab(x, x + 0.15, 0, 400, WHITE)
    for z in range(2, 80, 4):
        canvas.slab((left + right) / 2 - 0.1, (left + right) / 2 + 0.1, z, z + 2, WHITE)


def sidewalk(canvas: Canvas, left: float, right: float, far: float = 400) -> None:
    """Paint pale paving with joints, between kerbs."""
    paving = canvas.pick([(190, 180, 172), (178, 160, 150)])
    canvas.slab(left, right, 0, far, paving, Kind.SIDEWALK)
    for x in (left, right - 0.2):
        canvas.slab(x, x + 0.2, 0, far, shaded(paving, 1.15))
    for z in range(3, 30):
        canvas.slab(left, right, z, z + 0.06, shaded(paving, 0.75))


def mountains(canvas: Canvas, height: float) -> None:
    """Paint mountains on the horizon, some with snow; `height` is their share of the picture's height."""
    z = 300.0
    metre = z / canvas.focal  # metres per pixel, so far away
    rock = canvas.pick([(100, 104, 124), (116, 100, 96), (86, 104, 104)])
    snowy = canvas.rng.random() < 0.6
    for _ in range(7):
        x = (canvas.width * canvas.rng.uniform(-0.1, 1.1) - canvas.vanish) * metre
        top = canvas.height * height * canvas.rng.uniform(0.5, 1) * metre
        reach = top * canvas.rng.uniform(1.1, 1.9)
        ridge = _slope(canvas, x, top, x + reach * canvas.rng.uniform(-0.3, 0.3), z)
        for foot, sunny in ((x - reach, not canvas.sun_right), (x + reach, canvas.sun_right)):
            edge, shade = _slope(canvas, x, top, foot, z), 1.15 if sunny else 0.72
            canvas.shape([*ridge, *reversed(edge)], shaded(rock, shade), Kind.MOUNTAIN)
            if snowy:
                canvas.shape([*ridge[:3], *reversed(edge[:4])], shaded((225, 230, 238), shade - 0.1))


def _slope(canvas: Canvas, x: float, top: float, foot: float, z: float) -> list[Point]:
    """Return a jagged line from a peak down to its foot, a little below the ground."""
    return [
        (x + (foot - x) * t * (1 + (1 - t) * canvas.rng.uniform(-0.4, 0.4)), top * (1 - t) - 2 * t, z)
        for t in (i / 8 for i in range(9))
    ]
