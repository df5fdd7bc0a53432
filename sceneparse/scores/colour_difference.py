"""Difference of colours as people see it: CIEDE2000, in which 1 is about the least that is seen side by side.

Formulas: Sharma, Wu and Dalal, The CIEDE2000 color-difference formula (2005); the tests have their test data.
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # of linear sRGB
WHITE = TO_XYZ.sum(axis=1)  # D65


def cielab(rgb: npt.NDArray[np.uint8]) -> Numbers:
    """Return L, a, b of sRGB colours, uint8 [..., 3], as float64 [..., 3]."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    light = linear @ TO_XYZ.T / WHITE
    x, y, z = np.moveaxis(np.where(light > 216 / 24389, np.cbrt(light), (24389 / 27 * light + 16) / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def difference(first: Numbers, second: Numbers) -> Numbers:
    """Return CIEDE2000 of colours in CIELAB, float64 [..., 3] each, broadcast against each other, as float64 [...]."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)
    greyness = _weight((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    a1, a2 = a1 * (1.5 - 0.5 * greyness), a2 * (1.5 - 0.5 * greyness)
    chroma1, chroma2 = np.hypot(a1, b1), np.hypot(a2, b2)
    hue1, hue2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360

    coloured, turn = chroma1 * chroma2 > 0, hue2 - hue1  # a gray has no hue
    turn = np.where(coloured, np.where(np.abs(turn) > 180, turn - 360 * np.sign(turn), turn), 0)
    hue = np.where(coloured, hue1 + turn / 2, hue1 + hue2)
    lightness, chroma = (l1 + l2) / 2, (chroma1 + chroma2) / 2

    wave = 1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue) + 0.32 * _cos(3 * hue + 6) - 0.2 * _cos(4 * hue - 63)
    by_lightness = (l2 - l1) / (1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2))
    by_chroma = (chroma2 - chroma1) / (1 + 0.045 * chroma)
    by_hue = 2 * np.sqrt(chroma1 * chroma2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * wave)
    rotation = -2 * _weight(chroma) * np.sin(np.radians(60 * np.exp(-(((hue % 360 - 275) / 25) ** 2))))
    square = by_lightness**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue
    return np.asarray(np.sqrt(square))


def _weight(chroma: Numbers) -> Numbers:
    return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _cos(degrees: Numbers) -> Numbers:
    return np.cos(np.radians(degrees))
