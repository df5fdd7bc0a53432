"""Kinds of things in the demo's scenes: the annotation values, with a name like ADE20K's and a texture for each."""

from enum import IntEnum
from typing import Self

import numpy as np

MATTE = (0.05, 0.05, 0.0, 0.0)


class Kind(IntEnum):
    """Annotation values: other, then the demo's classes from most to least frequent.

    A kind's texture is the strength of its grain, blotches, horizontal streaks, and fading towards the horizon.
    """

    label: str
    texture: tuple[float, float, float, float]

    def __new__(cls, value: int, label: str, texture: tuple[float, float, float, float] = MATTE) -> Self:
        """Make a member; the enumeration's value is the first of its numbers."""
        kind = int.__new__(cls, value)
        kind._value_, kind.label, kind.texture = value, label, texture
        return kind

    OTHER = 0, "other"
    SKY = 1, "sky", (0.0, 0.0, 0.0, 0.0)
    ROAD = 2, "road, route", (0.15, 0.08, 0.1, 0.35)
    GRASS = 3, "grass", (0.35, 0.25, 0.1, 0.45)
    BUILDING = 4, "building, edifice"
    SAND = 5, "sand", (0.15, 0.12, 0.05, 0.3)
    TREE = 6, "tree", (0.45, 0.3, 0.0, 0.0)
    MOUNTAIN = 7, "mountain, mount", (0.08, 0.3, 0.0, 0.0)
    FIELD = 8, "field", (0.2, 0.1, 0.15, 0.4)
    WATER = 9, "water", (0.05, 0.08, 0.4, 0.45)
    SIDEWALK = 10, "sidewalk, pavement", (0.1, 0.12, 0.0, 0.3)
    FENCE = 11, "fence, fencing"
    STREETLIGHT = 12, "streetlight, street lamp"
    CAR = 13, "car, auto, automobile, machine, motorcar"
    PERSON = 14, "person, individual, someone, somebody, mortal, soul"
    BOAT = 15, "boat"
    SIGNBOARD = 16, "signboard, sign"


TEXTURES = np.array([kind.texture for kind in Kind], np.float32)  # [kinds, 4]
