"""Opening a picture file: the formats that are read, and what is wrong with a file that is none of them.

Input: a file's content. Output: Pillow's image, its header read. Invariants: every door opens the same FORMATS, with
no decoder among them that starts other programs; whatever Pillow raises becomes a ValueError.
"""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from PIL import Image, ImageFile, UnidentifiedImageError, features

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", *(("AVIF",) if features.check("avif") else ()))
LONGEST = 65_500  # pixels of a side: what a JPEG can hold
LARGEST = 89_478_485  # pixels where Pillow begins to warn of decompression bombs: 256 MB as RGB
HUGE = 2 * LARGEST  # and where it refuses

# How files of other formats begin, or what their `ftyp` box names.
OTHERS = (
    (b"8BPS", "PSD (Photoshop)"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"%!PS", "PostScript (EPS)"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file (RAF)"),
    *((b"P%d" % kind, "PPM") for kind in range(1, 7)),
)
BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "a camera's raw file (CR3)"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)
NO_PICTURES = (
    (b"version https://git-lfs", "a pointer of Git LFS: git lfs pull fetches the file"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
)
REDUCED = 254, 1  # TIFF's tag NewSubfileType, and its bit for a preview of another picture in the file


class TooLargeError(ValueError):
    """A picture above a limit."""


def open_picture(content: bytes, largest: int = HUGE) -> ImageFile.ImageFile:
    """Read a picture's header.

    Raises ValueError naming what the file is instead, TooLargeError above `largest` pixels (up to HUGE) or LONGEST.
    """
    with reading():
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
        except UnidentifiedImageError:  # its message names an object in memory
            raise ValueError(_unidentified(content)) from None
    width, height = image.size
    if max(width, height) > LONGEST:
        raise TooLargeError(f"{width} x {height} pixels, a side exceeds the limit of {LONGEST} pixels")
    if width * height > largest:
        raise TooLargeError(f"{width * height} pixels exceed the limit of {largest}")
    tag, preview = REDUCED
    if image.format == "TIFF" and int(image.tag_v2.get(tag, 0)) & preview:  # type: ignore[attr-defined]
        raise ValueError("a camera's raw file, of which only a preview can be read: save it as JPEG or PNG")
    return image


@contextmanager
def reading() -> Iterator[None]:
    """Ignore warnings of damaged metadata, as viewers do; whatever Pillow raises becomes a ValueError."""
    try:
        with _quiet:
            yield
    except (ValueError, MemoryError):
        raise
    except UnidentifiedImageError:  # its message names an object in memory
        raise ValueError("not a picture of a known format, or cut off in its header") from None
    except Image.DecompressionBombError:  # its message speaks of an attack
        raise TooLargeError(f"more pixels than the limit of {HUGE}") from None
    except (OSError, SyntaxError) as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # damaged files make its decoders fail in many ways
        raise ValueError(f"damaged ({type(error).__name__}: {error})") from None


def _unidentified(content: bytes) -> str:
    start = content.lstrip()[:64]
    for beginning, name in NO_PICTURES:
        if start.lower().startswith(beginning):
            return f"not a picture but {name}"
    names = [name for beginning, name in OTHERS if start.startswith(beginning)]
    if content[4:8] == b"ftyp":
        brands = [content[at : at + 4] for at in (8, *range(16, min(int.from_bytes(content[:4]), 256), 4))]
        # mif1 and msf1 hold either: another brand says which.
        names = sorted(BRANDS[brand] for brand in brands if brand in BRANDS)
    for name in names:
        if name not in FORMATS:
            return f"{name}, which is not read here: save it as JPEG or PNG"
        break
    return "not a picture, or cut off in its header"


class _Quiet:
    """Without Pillow's warnings.

    Filters of warnings belong to the whole process: the first thread that comes sets them, the last that goes resets.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._filters = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._filters.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._filters.close()


_quiet = _Quiet()
