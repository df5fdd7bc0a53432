"""The palette: every class its own colour, whatever the other classes."""

import numpy as np
import pytest

from stages.score.palette import palette


def lab(rgb):
    """CIELAB of one sRGB colour, written out channel by channel."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (float(v) / 255 for v in rgb))
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
    fx, fy, fz = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def smallest_distance(colours):
    points = np.array([lab(colour) for colour in colours])
    distance = np.linalg.norm(points[:, np.newaxis] - points, axis=-1)
    return distance[~np.eye(len(points), dtype=bool)].min()


# A difference of about 2.3 is just noticeable (Mahy et al. 1994).
@pytest.mark.parametrize(("classes", "distance"), [(16, 30), (150, 12), (254, 10)])
def test_colours_are_distinct(classes, distance):
    colours = palette(classes)
    assert colours.shape == (classes + 1, 3)
    assert colours.dtype == np.uint8
    assert smallest_distance(colours) > distance


def test_other_is_black_and_no_class_is_near_black_or_white():
    colours = palette(254)
    assert colours[0].tolist() == [0, 0, 0]
    lightness = [lab(colour)[0] for colour in colours[1:]]
    assert min(lightness) > 29
    assert smallest_distance([*colours, (255, 255, 255)]) > 10


def test_a_colour_depends_on_its_class_alone():
    for classes in (0, 1, 16, 150):
        assert np.array_equal(palette(classes), palette(254)[: classes + 1])


def test_the_first_colours_are_these():
    """Pinned: another machine or version of NumPy that chooses otherwise would change every picture."""
    assert palette(3).tolist() == [[0, 0, 0], [51, 119, 221], [34, 136, 51], [204, 68, 85]]


def test_the_caller_may_write_into_it():
    palette(3)[:] = 7
    assert palette(3)[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("classes", [-1, 255])
def test_other_counts_are_refused(classes):
    with pytest.raises(ValueError, match=r"0\.\.254"):
        palette(classes)
