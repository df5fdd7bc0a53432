"""Open picture files: the formats that are read, and error messages for all others.

Input: a file's bytes. Output: Pillow's image, its header read. Invariants: no other file opens pictures; every command
reads the same FORMATS, or fewer, and none of their decoders starts other programs; whatever Pillow raises becomes a
ValueError.
"""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError, features
from PIL.TiffImagePlugin import TiffImageFile

from sceneparse.dataset.dataset_folder import read_file

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", *(("AVIF",) if features.check("avif") else ()))
LOSSLESS = ("PNG", "BMP", "TIFF", "GIF")  # of masks
LONGEST = 65_500  # pixels per side, the limit of JPEG
LARGEST = 89_478_485  # pixels above which Pillow warns of decompression bombs: 256 MB as RGB
HUGE = 2 * LARGEST  # pixels above which Pillow refuses
MOST_BYTES = 8 * HUGE  # of a file: that many pixels of 16-bit RGBA, uncompressed

# Other formats, recognised by a file's first bytes or by the brands in its `ftyp` box. Pillow knows some more.
OTHERS = (
    (b"8BPS", "PSD (Photoshop)"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"%!PS", "PostScript (EPS)"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file (RAF)"),
    (b"\0\0\2\0", "TGA or CUR"),
)
BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "a camera's raw file (CR3)"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)
NO_PICTURES = (
    (b"version https://git-lfs", "a pointer of Git LFS: git lfs pull fetches the file"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
)
NO_MEMORY = "it needs more memory than there is"
REDUCED = 254, 1  # TIFF's tag NewSubfileType, and its bit for a reduced version of another picture
BITS_PER_SAMPLE = 258  # tag of TIFF
PNG_DEPTH = 24  # place of the bits per sample in a PNG (PNG specification, 11.2.1 IHDR)


class TooLargeError(ValueError):
    """A picture above a size limit."""


def read_picture(path: Path) -> bytes:
    """Return the content of a picture's file. Raises OSError, and ValueError above MOST_BYTES or all free memory."""
    try:
        return read_file(path, MOST_BYTES)
    except MemoryError:
        raise ValueError(NO_MEMORY) from None


def open_picture(content: bytes, largest: int = HUGE, formats: tuple[str, ...] = FORMATS) -> ImageFile.ImageFile:
    """Read the header of a picture in one of `formats`, all or some of FORMATS.

    Raises ValueError with the file's format if it is another, TooLargeError above LONGEST or `largest` pixels (at most
    HUGE).
    """
    with reading():
        try:
            image = Image.open(io.BytesIO(content), formats=formats)
        except UnidentifiedImageError:  # its own message prints an object's address
            raise ValueError(_unidentified(content, formats)) from None
    width, height = image.size
    if max(width, height) > LONGEST:
        raise TooLargeError(f"{width} x {height} pixels, a side exceeds the limit of {LONGEST} pixels")
    if width * height > largest:
        raise TooLargeError(f"{width * height} pixels exceed the limit of {largest}")
    tag, preview = REDUCED
    with reading():
        if isinstance(image, TiffImageFile) and int(image.tag_v2.get(tag, 0)) & preview:
            raise ValueError("a camera's raw file, of which only a preview can be read: save it as JPEG or PNG")
    return image


def bits_per_sample(image: Image.Image, content: bytes) -> int:
    """Return the bits per sample in the file, which Pillow may scale to 8."""
    if image.format == "PNG":
        return content[PNG_DEPTH]
    if isinstance(image, TiffImageFile):
        with reading():
            return int(max(image.tag_v2.get(BITS_PER_SAMPLE, (1,))))
    return 8


@contextmanager
def reading() -> Iterator[None]:
    """Ignore warnings about damaged metadata, as viewers do, and raise any error of Pillow's as a ValueError."""
    try:
        with _quiet:
            yield
    except ValueError:
        raise
    except MemoryError:
        raise ValueError(NO_MEMORY) from None
    except UnidentifiedImageError:  # its own message prints an object's address
        raise ValueError("not a picture of a known format, or cut off in its header") from None
    except Image.DecompressionBombError:  # Pillow's own message speaks of an attack
        raise TooLargeError(f"more pixels than the limit of {HUGE}") from None
    except (OSError, SyntaxError) as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # damaged files make Pillow's decoders fail in many ways
        raise ValueError(f"damaged ({type(error).__name__}: {error})") from None


def _unidentified(content: bytes, formats: tuple[str, ...]) -> str:
    start = content.lstrip()[:64]
    for beginning, name in NO_PICTURES:
        if start.lower().startswith(beginning):
            return f"not a picture but {name}"
    names = [name for beginning, name in OTHERS if start.startswith(beginning)]
    if content[4:8] == b"ftyp":
        brands = [content[at : at + 4] for at in (8, *range(16, min(int.from_bytes(content[:4]), 256), 4))]
        # Sorted, so that AVIF goes before HEIC: files of both may have the brands mif1 and msf1.
        names = sorted(BRANDS[brand] for brand in brands if brand in BRANDS)
    names += _known_to_pillow(content[:16])
    if names and names[0] not in formats:
        return f"{names[0]}, which is not read here: save it as {'JPEG or PNG' if formats == FORMATS else 'PNG'}"
    return "not a picture, or cut off in its header"


def _known_to_pillow(start: bytes) -> list[str]:
    """Return the formats for which Pillow takes a file by its first 16 bytes; no decoder is started."""
    Image.init()
    names = []
    for name, (_, accepts) in Image.OPEN.items():
        with suppress(Exception):  # of tests that expect a longer file
            if accepts and accepts(start) is True:
                names.append(name)
    return names


class _Quiet:
    """Context in which Pillow's warnings are ignored, for any number of threads at a time.

    Warning filters belong to the whole process: the first thread to enter sets them, the last to leave resets them.
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
