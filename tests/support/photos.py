"""A picture that is easy to recognize, upright or not."""

import numpy as np
from PIL import Image

PICTURE = np.zeros((40, 60, 3), np.uint8)
PICTURE[:, :20] = (250, 10, 10)
PICTURE[:10] = (10, 10, 250)
CLOCKWISE = 6  # EXIF: to be turned by 90 degrees to stand upright


def picture(mode="RGB"):
    return Image.fromarray(PICTURE).convert(mode)


def turned(orientation=CLOCKWISE):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def near(decoded, expected, tolerance=12):
    assert decoded.shape == expected.shape
    return np.abs(decoded.astype(int) - expected.astype(int)).mean() < tolerance
