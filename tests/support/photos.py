"""A picture that is easy to recognize, upright or not, PNGs that Pillow does not write, and a file without an end."""

import struct
import zlib

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


def vast(path):
    """Write a file of four terabytes of zeros, which takes no space on the disk."""
    with path.open("wb") as file:
        file.truncate(1 << 42)
    return path


def png(width, height, depth, colour_type, rows=(), before=b""):
    """Return a PNG of any kind; `before` goes between its header and its pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def chunk(kind, content):
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
