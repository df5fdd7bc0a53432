"""Scenes of the demo: one function per scene category, lengths in metres.

Input: seed, split and index. Output: a category, a picture and its annotation, which depend on those three alone. The
categories take turns, so that even a handful of scenes shows every class.
"""

import numpy as np
from PIL import Image

from sceneparse.dataset.layout import SPLITS
from stages.download.painting import ground, things
from stages.download.painting.canvas import FAR, Canvas
from stages.download.painting.kinds import Kind

SIDES = (200, 420)  # shortest and longest, pixels
GRAY_EVERY = 13  # about 8% of the pictures have one channel; some of ADE20K's do
GRASS = (104, 158, 58)
SAND = (228, 204, 158)


def draw_scene(seed: int, split: str, index: int) -> tuple[str, Image.Image, Image.Image]:
    """Draw a scene; return its category, picture (RGB, or L for a few) and annotation (L, a Kind per pixel)."""
    rng = np.random.Generator(np.random.PCG64([seed, SPLITS.index(split), index]))
    width, height = rng.integers(*SIDES, 2, endpoint=True).tolist()
    canvas = Canvas(rng, width, height)
    category = CATEGORIES[index % len(CATEGORIES)]
    category(canvas)
    picture, annotation = canvas.finish()
    gray = index % GRAY_EVERY == GRAY_EVERY // 2
    return category.__name__, picture.convert("L") if gray else picture, annotation


def street(canvas: Canvas) -> None:
    """Draw a street between the houses of a town."""
    rng = canvas.rng
    middle = rng.uniform(-2, 2)
    ground.sidewalk(canvas, -60, 60)
    ground.road(canvas, middle - 3.5, middle + 3.5)
    for side in (-1, 1):
        kerb, front, z = middle + side * 4.2, middle + side * 7.5, rng.uniform(2, 8)
        while z < 90:
            depth = rng.uniform(9, 18)
            ends = sorted((front, front + side * 14))
            # At the depth of its far end, so that people beside the building are drawn after it.
            canvas.stand(z + depth, things.building, *ends, z, z + depth, rng.uniform(6, 17))
            z += depth + rng.uniform(0, 3)
        for z in np.arange(rng.uniform(8, 12), 40, 14).tolist():
            canvas.stand(z, things.streetlight, kerb, z, -1.6 * side)
            canvas.stand(z + 6, things.tree, kerb + side, z + 6, rng.uniform(4, 6))
        for thing, nearest, farthest in ((things.person, 7, 16), (things.person, 7, 16), (things.clutter, 8, 14)):
            z = rng.uniform(nearest, farthest)
            canvas.stand(z, thing, kerb + side * rng.uniform(0.4, 2.4), z)
        z = rng.uniform(8, 26)
        canvas.stand(z, things.car, middle + side * 1.8, z)
    z = rng.uniform(9, 15)
    canvas.stand(z, things.signboard, middle + rng.choice((-1, 1)) * 5.4, z, rng.uniform(1.8, 2.6))


def highway(canvas: Canvas) -> None:
    """Draw a wide road through open land."""
    rng = canvas.rng
    middle = rng.uniform(-3, 3)
    ground.mountains(canvas, rng.uniform(0.1, 0.25))
    ground.plane(canvas, GRASS, Kind.GRASS)
    if rng.random() < 0.6:
        left, right = (10, 90) if rng.random() < 0.5 else (-90, -10)
        ground.field(canvas, left, right, 8, 150)
    ground.road(canvas, middle - 5, middle + 5)
    _forest(canvas, 12, 40, 150)
    for side in (-1, 1):
        rail = middle + side * 6
        for z in np.arange(3.0, 60.0, 6.0).tolist():
            canvas.stand(z + 6, things.fence, rail, z, rail, z + 6, 0.8)
        for z in np.arange(rng.uniform(9, 14), 50, 18).tolist():
            canvas.stand(z, things.streetlight, rail - side * 0.5, z, -1.8 * side)
        for z in (rng.uniform(7, 13), rng.uniform(18, 34)):
            canvas.stand(z, things.car, middle + side * rng.choice((1.4, 3.6)), z)
    z = rng.uniform(10, 16)
    canvas.stand(z, things.signboard, middle + rng.choice((-1, 1)) * 7.4, z, rng.uniform(2.8, 3.8))


def village(canvas: Canvas) -> None:
    """Draw gabled houses and gardens along a lane."""
    rng = canvas.rng
    middle = rng.uniform(-2, 2)
    ground.mountains(canvas, rng.uniform(0.1, 0.28))
    ground.plane(canvas, GRASS, Kind.GRASS)
    if rng.random() < 0.6:
        ground.field(canvas, -90, 90, 50, 160)
    ground.road(canvas, middle - 2.2, middle + 2.2)
    ground.sidewalk(canvas, middle + 2.2, middle + 4)
    for side in (-1, 1):
        z = rng.uniform(9, 14)
        while z < 60:
            near, wide, hedge = middle + side * rng.uniform(7.5, 9), rng.uniform(6, 9), middle + side * 5.5
            ends = sorted((near, near + side * wide))
            canvas.stand(z + 8, things.building, *ends, z, z + 8, rng.uniform(3.4, 6), True)
            canvas.stand(z - 2, things.tree, near + side * wide * rng.uniform(0, 1), z - 2, rng.uniform(3.5, 6))
            canvas.stand(z + 6, things.fence, hedge, z - 2, hedge, z + 6, 1.1)
            z += rng.uniform(13, 18)
        z = rng.uniform(7, 14)
        canvas.stand(z, things.person, middle + side * 3, z)
    canvas.stand(9, things.clutter, middle + 4.6, 9)
    z = rng.uniform(8, 20)
    canvas.stand(z, things.car, middle + rng.choice((-1.1, 1.1)), z)
    if rng.random() < 0.6:
        canvas.stand(10, things.signboard, middle - 3.6, 10, rng.uniform(1.6, 2.2))


def coast(canvas: Canvas) -> None:
    """Draw a beach, the sea and sails."""
    rng = canvas.rng
    if rng.random() < 0.4:
        ground.mountains(canvas, rng.uniform(0.06, 0.14))
    ground.plane(canvas, SAND, Kind.SAND)
    shore = rng.uniform(8, 13)
    ground.water(canvas, shore)
    for _ in range(rng.integers(2, 5)):
        x, z = canvas.spot(shore + 5, 45)
        canvas.stand(z, things.boat, x, z, rng.uniform(4, 7))
    for thing in (things.person, things.person, things.person, things.parasol, things.parasol, things.clutter):
        x, z = canvas.spot(6, shore)
        canvas.stand(z, thing, x, z)
    if rng.random() < 0.7:  # a promenade along one side
        side = rng.choice((-1, 1))
        left, right = sorted((side * 4, side * 8))
        ground.sidewalk(canvas, left, right, shore * 2)
        for z in (rng.uniform(8, 10), rng.uniform(13, 16), shore * 1.8):
            canvas.stand(z, things.streetlight, side * 4.5, z, -1.5 * side)
        for z in (shore, shore + 14):
            ends = sorted((side * 8, side * 22))
            canvas.stand(z + 12, things.building, *ends, z, z + 12, rng.uniform(6, 14))


def valley(canvas: Canvas) -> None:
    """Draw a meadow below mountains, mostly by a lake."""
    rng = canvas.rng
    ground.mountains(canvas, rng.uniform(0.22, 0.36))
    ground.plane(canvas, GRASS, Kind.GRASS)
    if rng.random() < 0.8:
        shore = rng.uniform(10, 15)
        ground.plane(canvas, SAND, Kind.SAND, shore - rng.uniform(1.5, 3), shore)
        ground.water(canvas, shore)
        ground.plane(canvas, GRASS, Kind.GRASS, 90, FAR)
        for _ in range(rng.integers(1, 4)):
            x, z = canvas.spot(shore + 5, 40)
            canvas.stand(z, things.boat, x, z, rng.uniform(4, 7))
    _forest(canvas, 14, 90, 150)
    for _ in range(rng.integers(2, 6)):
        x, z = canvas.spot(7, 10)
        canvas.stand(z, things.conifer, x, z, rng.uniform(3, 6))
    if rng.random() < 0.5:
        _fence_across(canvas, rng.uniform(6, 9))
    for thing in (things.person, things.clutter):
        x, z = canvas.spot(6, 10)
        canvas.stand(z, thing, x, z)


def farm(canvas: Canvas) -> None:
    """Draw a field, a barn and a few trees."""
    rng = canvas.rng
    if rng.random() < 0.6:
        ground.mountains(canvas, rng.uniform(0.06, 0.2))
    ground.plane(canvas, GRASS, Kind.GRASS)
    edge = rng.uniform(5, 9)
    ground.field(canvas, -70, 70, edge, rng.uniform(35, 80))
    _forest(canvas, 8, 80, 130)
    x, z = canvas.spot(28, 50)
    canvas.stand(z + 9, things.building, x, x + rng.uniform(8, 12), z, z + 9, rng.uniform(4, 6), True)
    if rng.random() < 0.6:
        _fence_across(canvas, edge)
    for _ in range(rng.integers(1, 4)):
        x, z = canvas.spot(9, 26)
        canvas.stand(z, things.tree, x, z, rng.uniform(4, 7))
    for thing in (things.person, things.person, things.clutter):
        x, z = canvas.spot(6, 13)
        canvas.stand(z, thing, x, z)


CATEGORIES = (street, highway, village, coast, valley, farm)


def _forest(canvas: Canvas, trees: int, nearest: float, farthest: float) -> None:
    for _ in range(trees):
        x, z = canvas.spot(nearest, farthest)
        tree = things.conifer if canvas.rng.random() < 0.5 else things.tree
        canvas.stand(z, tree, x, z, canvas.rng.uniform(6, 12))


def _fence_across(canvas: Canvas, z: float) -> None:
    """Put up a fence across the picture, with gaps."""
    for x in range(-16, 16, 4):
        if canvas.rng.random() < 0.85:
            canvas.stand(z, things.fence, x, z, x + 4, z, 1.1)
