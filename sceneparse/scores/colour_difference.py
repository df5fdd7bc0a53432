"""How different two colours look: CIELAB, and in it the CIEDE2000 difference.

Input: light of the primaries, float 0..1, or CIELAB. Output: CIELAB in hundredths, or differences in hundredths.
Invariant: results are whole numbers, so that equal differences are equal on every machine, whatever the last bits
of its sines and roots, and a choice among colours is the same everywhere.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Lab = npt.NDArray[np.int64]  # [..., 3]: lightness 0..10000, a, b
Difference = npt.NDArray[np.int64]

# IEC 61966-2-1: the light of sRGB's primaries to CIE XYZ, under D65.
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """sRGB uint8 [..., 3] to the light of its primaries, 0..1."""
    value = rgb / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(light: npt.NDArray[np.float64]) -> Lab:
    """Light of the primaries, [..., 3], to CIELAB (D65)."""
    xyz = light @ TO_XYZ.T / TO_XYZ.sum(axis=1)  # relative to the white point
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return _hundredths(np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1))


def ciede2000(first: Lab, second: Lab) -> Difference:
    """CIEDE2000 of colours [..., 3], broadcast against each other; 100 is about the least that is seen.

    In CIELAB itself equal distances do not look equal: saturated colours are too far apart. Names and equations are
    those of Sharma, Wu and Dalal, The CIEDE2000 Color-Difference Formula (2005), with all weights 1.
    """
    (l_1, a_1, b_1), (l_2, a_2, b_2) = (np.moveaxis(colour / 100, -1, 0) for colour in (first, second))
    g = 0.5 * (1 - _saturation((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2))
    a_1, a_2 = (1 + g) * a_1, (1 + g) * a_2
    c_1, c_2 = np.hypot(a_1, b_1), np.hypot(a_2, b_2)
    h_1, h_2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a_1, b_1), (a_2, b_2)))
    gray = c_1 * c_2 == 0  # has no hue

    turn = h_2 - h_1  # the shorter way around; of two equals the one that does not pass 0
    turn = np.where(gray, 0, np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn)))
    d_l, d_c, d_h = l_2 - l_1, c_2 - c_1, 2 * np.sqrt(c_1 * c_2) * _sin(turn / 2)
    l_mean, c_mean = (l_1 + l_2) / 2, (c_1 + c_2) / 2
    h_mean = np.where(gray, h_1 + h_2, h_1 + turn / 2)

    t = 1 - 0.17 * _cos(h_mean - 30) + 0.24 * _cos(2 * h_mean) + 0.32 * _cos(3 * h_mean + 6)
    t -= 0.20 * _cos(4 * h_mean - 63)
    s_l = 1 + 0.015 * (l_mean - 50) ** 2 / np.sqrt(20 + (l_mean - 50) ** 2)
    s_c, s_h = 1 + 0.045 * c_mean, 1 + 0.015 * c_mean * t
    r_t = -2 * _saturation(c_mean) * _sin(60 * np.exp(-((((h_mean % 360) - 275) / 25) ** 2)))
    lightness, chroma, hue = d_l / s_l, d_c / s_c, d_h / s_h
    return _hundredths(np.sqrt(np.maximum(0, lightness**2 + chroma**2 + hue**2 + r_t * chroma * hue)))


def _saturation(chroma: Any) -> Any:
    return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _sin(degrees: Any) -> Any:
    return np.sin(np.radians(degrees))


def _cos(degrees: Any) -> Any:
    return np.cos(np.radians(degrees))


def _hundredths(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.asarray(np.rint(100 * values), dtype=np.int64)
