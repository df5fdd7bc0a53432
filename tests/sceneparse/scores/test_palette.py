"""The palettes: every class its own colour, whatever the other classes, and measured how far from the others."""

import itertools

import numpy as np
import pytest
from ciede2000 import ciede2000, lab, light, published

from sceneparse.scores.colour_difference import cielab, difference
from sceneparse.scores.palette import (
    APART,
    class_palette,
    colour_blind_palette,
    heat_colours,
    palette,
    told_apart,
)

# Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency (2009),
# table 1, severity 1.0: linear sRGB as the colour-blind see it.
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
BOTH = pytest.mark.parametrize("colours_of", [palette, colour_blind_palette])
SIGHT = {"normal": np.eye(3), "protanopia": PROTANOPIA, "deuteranopia": DEUTERANOPIA}


def smallest_difference(colours, sight="normal"):
    """CIEDE2000 of the two colours that are most alike to such eyes."""
    points = [lab(np.clip(SIGHT[sight] @ light(colour), 0, 1)) for colour in colours]
    return min(ciede2000(point, other) for number, point in enumerate(points) for other in points[:number])


def test_the_yardstick_is_ciede2000():
    for first, second, expected in published():
        assert ciede2000(first, second) == pytest.approx(expected, abs=5e-5)
        assert difference(np.array(second), np.array([first])) == pytest.approx(expected, abs=5e-5)
    rgb = np.random.default_rng(0).integers(0, 256, (40, 3), np.uint8)
    points = [lab(light(colour)) for colour in rgb]
    assert cielab(rgb) == pytest.approx(np.array(points))
    expected = [[ciede2000(first, second) for second in points] for first in points]
    assert difference(cielab(rgb)[:, np.newaxis], cielab(rgb)) == pytest.approx(np.array(expected))


# 1 is about the least that is seen, side by side.
@pytest.mark.parametrize(("classes", "least"), [(16, 20.8), (50, 13.2), (150, 8.0), (254, 6.6)])
def test_colours_are_distinct(classes, least):
    colours = palette(classes)
    assert colours.shape == (classes + 1, 3)
    assert colours.dtype == np.uint8
    assert smallest_difference(colours) > least


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(("classes", "least"), [(8, 20.9), (20, 11), (50, 6), (150, 3.3)])
def test_colours_are_distinct_to_the_colour_blind(classes, least, sight):
    assert smallest_difference(colour_blind_palette(classes), sight) > least
    # What the option is for: of the other palette's colours some are the same to them.
    assert sight == "normal" or classes < 50 or smallest_difference(palette(classes), sight) < 0.5


@pytest.mark.parametrize("matrix", [PROTANOPIA, DEUTERANOPIA])
def test_simulated_sight_keeps_gray_and_loses_red_and_green(matrix):
    assert matrix.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert abs(np.linalg.det(matrix)) < 0.02, "three dimensions become two"


@BOTH
def test_other_is_black_and_no_class_is_near_black_or_white(colours_of):
    colours = colours_of(254)
    assert colours[0].tolist() == [0, 0, 0]
    assert min(lab(light(colour))[0] for colour in colours[1:]) > (29 if colours_of is palette else 19)
    assert min(ciede2000((100, 0, 0), lab(light(colour))) for colour in colours) > 2.2
    assert len(np.unique(colours, axis=0)) == 255, "the page reads classes back from colours"


@BOTH
def test_a_colour_depends_on_its_class_alone(colours_of):
    for classes in (0, 1, 16, 150):
        assert np.array_equal(colours_of(classes), colours_of(254)[: classes + 1])


def test_the_first_colours_are_these():
    assert palette(3).tolist() == [[0, 0, 0], [204, 68, 119], [34, 136, 51], [0, 119, 204]]
    assert palette(254)[-3:].tolist() == [[255, 255, 238], [119, 102, 51], [221, 85, 119]]
    assert colour_blind_palette(254)[[1, 2, -1]].tolist() == [[51, 102, 238], [136, 119, 0], [136, 136, 255]]


def test_free_colours_look_like_none_that_the_dataset_has():
    generator = np.random.default_rng(0)
    for _ in range(20):
        own = [f"#{colour.tobytes().hex()}" for colour in generator.integers(0, 256, (10, 3), np.uint8)] + 10 * [""]
        points = [lab(light(colour)) for colour in class_palette([f"class {number}" for number in range(20)], own)[1:]]
        assert min(ciede2000(taken, free) for taken in points[:10] for free in points[10:]) >= APART


@pytest.mark.parametrize("sight", SIGHT)
def test_the_colours_of_percent_are_in_order_and_in_equal_steps(sight):
    points = [lab(np.clip(SIGHT[sight] @ light(colour), 0, 1)) for colour in heat_colours()]
    assert len(points) == 101
    assert all(darker[0] < lighter[0] for darker, lighter in itertools.pairwise(points[::2]))
    steps = [ciede2000(*pair) for pair in itertools.pairwise(points[::10])]
    assert min(steps) > 3
    assert sight != "normal" or max(steps) < 1.1 * min(steps)


@BOTH
def test_the_caller_may_write_into_it(colours_of):
    colours_of(3)[:] = 7
    assert colours_of(3)[0].tolist() == [0, 0, 0]


@BOTH
@pytest.mark.parametrize("classes", [-1, 255])
def test_other_counts_are_refused(colours_of, classes):
    with pytest.raises(ValueError, match=r"0\.\.254"):
        colours_of(classes)


def test_repeated_colours_are_told_apart_by_the_last_bits():
    """A dataset may give two classes one colour, or a class the black of 'other'."""
    own = class_palette(["void", "road", "car", "sky", "tree"], ["#000000", "#ff0000", "#ff0000", "#000001", "#00ff00"])
    apart = told_apart(own)
    assert len({tuple(colour) for colour in apart.tolist()}) == len(own) == 6
    assert apart[[0, 2, 5]].tolist() == own[[0, 2, 5]].tolist(), "the first of its colour keeps it"
    assert np.abs(apart.astype(int) - own).max() <= 3
    assert np.array_equal(told_apart(palette(150)), palette(150))
