"""A picture whose EXIF notes a turn, beside a mask: whether it has to be turned upright for the mask to fit.

Turned when the mask has the upright size; left as stored when the mask has the stored size only.
"""

import struct

from PIL import ExifTags, Image

from stages.data.checks import DAMAGE
from stages.data.photos import TURNS

SIDEWAYS = (5, 6, 7, 8)  # orientations that exchange width and height


def turn_for(picture: Image.Image, size: tuple[int, int]) -> Image.Transpose | None:
    """What makes an open picture upright, if its upright width and height are `size`."""
    if picture.format == "TIFF":  # Pillow turns these itself
        return None
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except (*DAMAGE, struct.error):  # of metadata
        return None
    upright = picture.size[::-1] if orientation in SIDEWAYS else picture.size
    return TURNS.get(orientation) if upright == size else None
