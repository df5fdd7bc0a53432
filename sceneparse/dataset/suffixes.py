"""Suffixes of picture files: those that are read, and those of formats that cannot be.

Readers of folders ignore files with other suffixes. They count the ignored pictures, so that nobody takes half of a
folder for the whole.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath

READ = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif")
UNREAD = (
    *(".heic", ".heif", ".hif", ".jxl", ".jp2", ".j2k", ".jpf", ".jpx", ".psd", ".psb", ".xcf", ".svg", ".eps"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".pcx", ".ico", ".exr", ".hdr", ".dcm"),
    *(".raw", ".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"),  # of cameras
)


def ignored_pictures(paths: Iterable[str | PurePath], read: tuple[str, ...] = READ) -> Counter[str]:
    """Count files with a picture's suffix that is not in `read`, by suffix."""
    suffixes = (PurePath(path).suffix.lower() for path in paths if PurePath(path).name[:1] != ".")
    return Counter(suffix for suffix in suffixes if suffix in (*READ, *UNREAD) and suffix not in read)


def listed(counts: Counter[str]) -> str:
    """Return counts by suffix as text, such as `2 x *.heic, 1 x *.psd`."""
    return ", ".join(f"{count} x *{suffix}" for suffix, count in sorted(counts.items()))
