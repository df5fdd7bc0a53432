"""The legend beside a prediction: names, shares, and the scale of the confidence."""

import numpy as np

from sceneparse.predict.legend import class_shares, draw_legend, font_for
from sceneparse.scores.palette import heat_colours


def test_other_is_named_among_the_shares():
    assert class_shares(np.array([2, 0, 6]), ("sky", "road")) == ((2, "road", 0.75), (0, "other", 0.25))


def test_the_legend_has_the_letters_of_other_languages():
    """Where the machine has a font with them; each name is drawn by the first font that has all of it."""
    assert font_for("street, 12 %") == font_for("a")
    drawn = [bytes(font_for(name).getmask(name)) for name in ("Stra\uffffe", "Straße")]
    assert drawn[0] != drawn[1] or font_for("ß") == font_for("a")
    colours = np.zeros((2, 3), np.uint8)
    legend = np.asarray(draw_legend(((1, "Straße überall, дорога", 1.0),), colours))
    assert legend.shape[1] > 100
    assert (legend[:, -5:] == 255).all(), "the shares end before the margin"


def test_the_legend_shows_the_scale_from_end_to_end():
    legend = np.asarray(draw_legend(((1, "sky", 1.0),), np.zeros((2, 3), np.uint8), confidence=True))
    colours = heat_colours().tolist()
    rows = [row.tolist() for row in legend]
    (bar, *_) = [row for row in rows if colours[0] in row and colours[100] in row]
    order = [colours.index(colour) for colour in bar if colour in colours]
    assert (order[0], order[-1]) == (0, 100)
    assert order == sorted(order)
