"""Files that others read: written whole or not at all, and checked against pinned digests.

A digest is written `algorithm:hex` (sha256, sha1 or md5; new ones are sha256) and covers the whole file. Writers fill a
sibling `.partial` path and rename it over the target, so a kill at any moment leaves the old content or the new, never
a mixture.
"""

import fcntl
import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sceneparse.core.errors import BusyError, InputError

ALGORITHMS = ("sha256", "sha1", "md5")
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "'")  # first characters of formulas; an apostrophe makes a cell text


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open `path` for writing bytes; the file gets its name only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield an empty directory to fill; it replaces `path` only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, old = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.old")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        shutil.rmtree(old, ignore_errors=True)
        if path.exists():
            path.rename(old)  # atomic; removing it takes long enough to be killed halfway
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def locked(lock: Path, work: str) -> Iterator[None]:
    """Hold a lock during `work`; raise BusyError when another process holds it. The kernel frees a killed process's."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"another process is {work}",
                expected="one at a time",
                got="a lock that it holds",
                file=lock,
                next_step="wait for it, or stop it",
            ) from None
        yield


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
