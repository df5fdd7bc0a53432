"""The palette for readers who confuse red and green: about one man in twelve.

Input: the number of classes. Output: RGB colours as of sceneparse/scores/palette.py, chosen so that two classes stay
apart for protanopes and deuteranopes too, in lightness and along blue and yellow. Invariant: as there. In what is
left of the colours there is no room for 150 classes: the first 20 are easy to tell apart, the first 50 can be, and
after that neighbours need their boundaries and their names.
"""

from functools import cache

import numpy as np

from sceneparse.scores.colour_difference import Lab, lab, linear
from sceneparse.scores.palette import Colours, farthest_colours, first_colours

# Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency (2009),
# table 1, severity 1.0: what the light of sRGB's primaries is like to the colour-blind.
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)


def colour_blind_palette(classes: int) -> Colours:
    """RGB colours, uint8 [classes + 1, 3], indexed by annotation value. classes: 0..254."""
    return first_colours(_colours, classes)


def seen(rgb: Colours) -> Lab:
    """CIELAB [3, ..., 3] of colours uint8 [..., 3] to normal sight, to protanopes and to deuteranopes."""
    light = linear(rgb)
    simulated = (np.clip(light @ matrix.T, 0, 1) for matrix in (PROTANOPIA, DEUTERANOPIA))
    return lab(np.stack([light, *simulated]))


@cache
def _colours() -> Colours:
    # Lightness is most of what is left to tell colours by: more of it is used than in the other palette.
    return farthest_colours(seen, darkest=20, most_vivid=80)
