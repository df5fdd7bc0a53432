"""Files that others read: written whole or not at all, and checked against pinned digests.

A digest is written `algorithm:hex` (sha256, sha1 or md5; new ones are sha256) and covers the whole file. A writer fills
a `.partial` path of its own beside the target and renames it over the target, so a kill at any moment leaves the old
content or the new, never a mixture. The next writer of the target removes what a killed one left beside it.
"""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path
from typing import IO, Any

from sceneparse.core.errors import InputError
from sceneparse.core.file_errors import names_file
from sceneparse.core.locks import open_alone, output_lock

ALGORITHMS = ("sha256", "sha1", "md5")
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "'")  # first characters of formulas; an apostrophe makes a cell text


@names_file
@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open `path` for writing bytes; the file gets its name only when the block ends without an error.

    Of several processes that write one path, each writes a file of its own, and the last to end wins: all are whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _open_partial(path) as file:
        partial = Path(file.name)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@names_file
@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield an empty directory to fill; it replaces `path` only when the block ends without an error.

    Raises BusyError while another process fills one for the same path: directories take long to fill.
    """
    with output_lock(path):
        partial, old = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.old")

        def tidy() -> None:
            """Remove what a writer leaves; put the old directory back if the writer ended between the two renames."""
            if old.exists() and not path.exists():
                old.rename(path)
            for left in (partial, old):
                shutil.rmtree(left, ignore_errors=True)

        tidy()  # after a killed writer
        partial.mkdir()
        try:
            yield partial
            if path.exists():
                path.rename(old)  # atomic; removing it takes long enough to be killed halfway
            partial.replace(path)
        finally:
            tidy()


def _open_partial(path: Path) -> IO[bytes]:
    """Open the first file of a series beside `path` that no living process has, and remove what the dead left in it."""
    partials = (path.with_name(f".{path.name}.partial{number or ''}") for number in count())
    file = next(file for partial in partials if (file := open_alone(partial)))
    file.truncate(0)
    for partial in takewhile(Path.exists, partials):
        if left := open_alone(partial):
            partial.unlink()
            left.close()
    return file


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_write(path) as file:
        file.write(text.encode())


def is_text(name: str) -> bool:
    """Return whether a file's name is valid Unicode: on Linux it may be any bytes, which Python holds as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def add_member(archive: zipfile.ZipFile, name: str, content: bytes, source: object = None) -> None:
    """Add a member whose metadata depends on its name alone: the same content makes the same zip.

    Raises InputError, which names the file `source` that the name comes from, if the name is not valid Unicode: a zip
    cannot hold it.
    """
    if not is_text(name):
        raise InputError(
            "a file's name is not valid UTF-8",
            expected="names that any system can read",
            got=name,
            file=source or name,
            next_step="rename the file, and its partner in the same way",
        )
    member = zipfile.ZipInfo(name)  # dated 1980, the earliest that a zip can hold
    member.create_system, member.external_attr = 3, 0o644 << 16  # a Unix file, whatever system writes it
    archive.writestr(member, content)


def csv_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet reads as a formula: text that begins with =, +, - or @ gets an apostrophe.

    `csv_text` removes the apostrophe. Numbers stay as they are.
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


def csv_text(cell: str) -> str:
    """Return the text that `csv_cell` turned into `cell`."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULAS) else cell


def json_text(value: Any) -> str:
    """Return strict JSON (no NaN, no Infinity), indented."""
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON, indented, atomically."""
    write_text(path, json_text(value))


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the digest of the whole file, as `algorithm:hex`."""
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def matches_digest(path: Path, digest: str) -> bool:
    """Return whether the file's content has the pinned `digest` (`algorithm:hex`)."""
    return file_digest(path, digest.partition(":")[0]) == digest
