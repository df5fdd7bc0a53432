"""Zips from elsewhere, read within bounds.

A member of some kilobytes can inflate to gigabytes, and its header can lie about that. `read_member` compares the
declared size with a limit before it reads, and inflates no more than the declared size. So it reads stored and deflated
members alone: zipfile inflates what bzip2 and LZMA compressed without any limit.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def zip_errors() -> Iterator[None]:
    """Raise any error about a damaged zip as a ValueError; errors of the disk stay OSErrors."""
    try:
        yield
    except (OSError, ValueError):
        raise
    except KeyError as error:  # its text is in quotes
        raise ValueError(str(error.args[0])) from None
    except MemoryError:
        raise ValueError("it needs more memory than there is") from None
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # of headers that zipfile takes for something else
        raise ValueError(f"damaged ({type(error).__name__}: {error})") from None


def read_member(archive: zipfile.ZipFile, member: str, most: int) -> bytes:
    """Return a member's content, checked against its CRC-32. Raises OSError, and ValueError above `most` bytes."""
    with zip_errors():
        header = archive.getinfo(member)
        check_size(header.file_size, most)
        if header.compress_type not in METHODS:
            raise ValueError(f"compressed by method {header.compress_type}: zip it again, stored or deflated")
        with archive.open(member) as file:
            return file.read(header.file_size + 1)  # without a number, it inflates all that there is at once


def check_size(size: int, most: int) -> None:
    """Raise ValueError for more than `most` bytes."""
    if size > most:
        raise ValueError(f"{size} bytes, the limit is {most}")


def check_stored(path: Path) -> None:
    """Raise ValueError unless a zip's members, all together, are no larger than the file: none is compressed.

    Models and NumPy's archives are such zips. Their readers know no limit. Raises OSError, too.
    """
    with zip_errors(), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    compressed = [member.filename for member in members if member.compress_type != zipfile.ZIP_STORED]
    if compressed:
        raise ValueError(f"compressed members, which could inflate to any size: {', '.join(compressed[:3])}")
    check_size(sum(member.file_size for member in members), path.stat().st_size)
