"""Arguments of `predict` -> the pictures and videos to label, and the name of each one's results.

Input: files, folders, globs that the shell left alone, http(s) addresses, and - for standard input. Output: sources,
each once, in the order of the arguments. Invariant: a result's name is the source's path below the deepest folder that
holds all named files and folders, so a folder's tree is mirrored and two files of one name in different folders stay
apart; files whose names differ only in their suffix keep it.
"""

import glob
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import numpy as np

from sceneparse.core.errors import InputError, did_you_mean
from sceneparse.core.listing import files_below
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.photos import decode
from sceneparse.dataset.picture_formats import FORMATS, read_picture
from sceneparse.dataset.suffixes import READ, ignored_pictures, listed
from sceneparse.predict.web_picture import MOST_BYTES, download

VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg")
STDIN = "-"

Lost = dict[str, tuple[str, ...]]  # by a picture's name: what its pixels leave out, kinds of LOST (photos.py)


class Source(NamedTuple):
    """A picture or video: its path or address, its kind, and its results' path in the output folder, without suffix."""

    name: str
    kind: Literal["picture", "video", "url", "stdin"]
    stem: Path
    content: bytes = b""  # of standard input, which can be read only once


class Refused(NamedTuple):
    """An argument, or a file of a folder, that cannot be used."""

    name: str
    error: InputError


class _File(NamedTuple):
    path: Path
    folder: Path  # the argument, or the file's parent


def find_sources(arguments: Sequence[str], out: Path, ignored: Counter[str] | None = None) -> list[Source | Refused]:
    """Return all sources that the arguments name, without files of folders in `out`: earlier results are no pictures.

    `ignored` counts, by suffix, files of folders that look like pictures of formats that are not read.
    """
    entries: dict[str, Source | Refused | _File] = {}
    for argument in arguments:
        try:
            if argument == STDIN:
                if STDIN not in entries:
                    entries[STDIN] = Source(STDIN, "stdin", Path("stdin"), _standard_input())
            elif _is_url(argument):
                entries.setdefault(argument, Source(argument, "url", Path(_url_stem(argument))))
            else:
                for file in _files(argument, out, Counter() if ignored is None else ignored):
                    entries.setdefault(file.name if isinstance(file, Refused) else _absolute(file.path), file)
        except InputError as error:
            entries.setdefault(argument, Refused(argument, error))
    files = {path: entry for path, entry in entries.items() if isinstance(entry, _File)}
    base = os.path.commonpath({_absolute(file.folder) for file in files.values()}) if files else ""
    stems = Counter(Path(path).with_suffix("") for path in files)

    def source(file: _File, path: str) -> Source:
        kind: Literal["picture", "video"] = "video" if file.path.suffix.lower() in VIDEOS else "picture"
        stem = Path(path).with_suffix("")
        return Source(str(file.path), kind, Path(os.path.relpath(path if stems[stem] > 1 else stem, base)))

    return [source(entry, path) if isinstance(entry, _File) else entry for path, entry in entries.items()]


def read_source(source: Source, lost: Lost | None = None) -> Pixels:
    """Return a source's picture as RGB, uint8 [H, W, 3]; `lost` gets what it leaves out. Raises InputError."""
    content = download(source.name) if source.kind == "url" else source.content
    try:
        if source.kind == "picture":
            content = read_picture(Path(source.name))
        picture = decode(content)
    except OSError as error:
        raise _no_file(error, source.name) from None
    except ValueError as error:
        raise _unreadable(str(error), source.name) from None
    if lost is not None:
        lost[source.name] = picture.lost
    return np.asarray(picture.image)


def _standard_input() -> bytes:
    """Read standard input to its end. Raises InputError for a terminal, nothing, or more than MOST_BYTES."""
    got = "a terminal"
    if not sys.stdin:
        got = "it is closed"
    elif not sys.stdin.isatty():
        try:
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        except OSError as error:
            got = str(error)
        else:
            if 0 < len(content) <= MOST_BYTES:
                return content
            got = f"more than {MOST_BYTES} bytes" if content else "nothing"
    raise InputError(
        "there is no picture on standard input",
        expected="a picture's file, piped or redirected",
        got=got,
        file="standard input",
        next_step="sceneparse predict - < street.jpg, or name the file: sceneparse predict street.jpg",
    )


def _files(argument: str, out: Path, ignored: Counter[str]) -> list[_File | Refused]:
    if not argument:
        raise _unreadable("an empty name, as from a variable that is not set", "''")
    path = Path(argument)
    if not os.path.lexists(path):  # the shell leaves ~ in quotes; a file's name may begin with it, too
        with suppress(RuntimeError):  # there is no such user
            path = path.expanduser()
    matches = [path]
    if not os.path.lexists(path) and glob.has_magic(argument):
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - pathlib's matches hidden files, unlike a shell
        matches = [Path(name) for name in sorted(names)]
    files: list[_File | Refused] = []
    skipped: Counter[str] = Counter()
    for match in matches:
        errors: list[OSError] = []
        try:
            mode = match.stat().st_mode
        except OSError as error:
            errors.append(error)
        else:
            if stat.S_ISREG(mode):
                files.append(_File(match, match.parent))
            elif stat.S_ISDIR(mode):
                below = files_below(match, errors, leave=out)
                skipped += ignored_pictures(below)
                files += [_File(file, match) for file in below if file.name.lower().endswith(READ)]
        files += [Refused(str(error.filename), _no_file(error, error.filename)) for error in errors]
    if not files:
        nothing = f"nothing that ends with {', '.join(READ)}; videos are named one by one"
        nothing += f"; {listed(skipped)}, which are not read: save them as JPEG" if skipped else ""
        raise _unreadable(nothing if matches else "no such file", argument)
    ignored += skipped
    return files


def _absolute(path: Path) -> str:
    """Return a path without `..`, but with links unresolved: their names are the user's own."""
    return os.path.normpath(path.absolute())


def _is_url(argument: str) -> bool:
    """Return whether this is an http(s) address. Raises InputError for any other kind of address."""
    scheme, separator, _ = argument.partition("://")
    if separator and scheme.lower() not in ("http", "https") and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        raise InputError(
            "the address is of no known kind",
            expected="http://, https:// or a path",
            got=f"{scheme}://",
            file=argument,
            next_step="fetch it by other means, and name the local file",
        )
    return bool(separator) and scheme.lower() in ("http", "https")


def _url_stem(url: str) -> str:
    """Return the name in a URL, without suffix: nothing in it leads to another folder."""
    try:
        parts = urlsplit(url)
        host, path = parts.hostname, parts.path
    except ValueError as error:
        raise _unreadable(f"no address: {error}", url) from None
    if not host:
        raise _unreadable("an address without a host", url)
    last = re.sub(r"[\x00-\x1f\x7f]", "", unquote(path)).rpartition("/")[2]
    return Path(last).stem if last.strip(".") else host


def _no_file(error: OSError, name: object) -> InputError:
    got = str(error)
    if isinstance(error, FileNotFoundError):
        path = Path(str(name))
        got += did_you_mean(str(path), (str(sibling) for sibling in path.parent.glob("*")))
    return InputError(
        "the picture cannot be read",
        expected="a file, or a folder of them",
        got=got,
        file=name,
        next_step="check the path, its links and its permissions",
    )


def _unreadable(got: str, name: object) -> InputError:
    return InputError(
        "the picture cannot be read",
        expected=f"a picture, one of {', '.join(FORMATS)}",
        got=got,
        file=name,
        next_step="name a picture's file; re-save one that is damaged, very large or in another format as JPEG or PNG",
    )
