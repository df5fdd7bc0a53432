"""What the user named -> the pictures and videos to label, and the name of each one's results.

Input: files, folders, globs that the shell left alone, http(s) addresses, and - for standard input. Output: sources,
each once, in the order of the arguments. Invariant: a name is the source's path below the deepest folder that holds all
the files and folders named, so a folder's tree is mirrored and two files of one name in different folders stay apart;
where two differ in their suffix alone, they keep it.
"""

import glob
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import numpy as np

from sceneparse.core.errors import InputError, did_you_mean
from sceneparse.core.listing import files_below
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.photos import decode
from sceneparse.dataset.picture_formats import FORMATS
from sceneparse.dataset.suffixes import READ, ignored_pictures, listed
from sceneparse.predict.web_picture import MOST_BYTES, download

VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg")
STDIN = "-"
NO_PICTURE = f"a picture, one of {', '.join(FORMATS)}"

Lost = dict[str, tuple[str, ...]]  # by a picture's name: what its pixels leave out, kinds of LOST (photos.py)


class Source(NamedTuple):
    """What to label: its path or address, what it is, and its results' path below the output folder, without suffix."""

    given: str
    kind: Literal["picture", "video", "url", "stdin"]
    stem: Path
    content: bytes = b""  # of standard input, which can be read only once


class Refused(NamedTuple):
    """An argument that names nothing to label."""

    given: str
    error: InputError


class _File(NamedTuple):
    path: Path
    folder: Path  # that was named, or that holds it


def find_sources(arguments: Sequence[str], out: Path, ignored: Counter[str] | None = None) -> list[Source | Refused]:
    """All that the arguments name, but for what folders hold in `out`: earlier results are no pictures to label.

    `ignored` counts, by suffix, files of folders that look like pictures of formats that are not read.
    """
    ignored = Counter() if ignored is None else ignored
    found: dict[str, Source | Refused | _File] = {}
    for argument in arguments:
        try:
            if argument == STDIN:
                if STDIN not in found:
                    found[STDIN] = Source(STDIN, "stdin", Path("stdin"), _standard_input())
            elif _is_url(argument):
                found.setdefault(argument, Source(argument, "url", Path(_url_name(argument))))
            else:
                for file in _files(argument, out, ignored):
                    found.setdefault(file.given if isinstance(file, Refused) else _absolute(file.path), file)
        except InputError as error:
            found.setdefault(argument, Refused(argument, error))
    folders = {_absolute(one.folder) for one in found.values() if isinstance(one, _File)}
    base = os.path.commonpath(folders) if folders else ""

    stems = Counter(Path(path).with_suffix("") for path, one in found.items() if isinstance(one, _File))

    def source(file: _File, path: str) -> Source:
        kind: Literal["picture", "video"] = "video" if file.path.suffix.lower() in VIDEOS else "picture"
        stem = Path(path).with_suffix("")
        return Source(str(file.path), kind, Path(os.path.relpath(path if stems[stem] > 1 else stem, base)))

    return [source(one, path) if isinstance(one, _File) else one for path, one in found.items()]


def read_source(source: Source, lost: Lost | None = None) -> Pixels:
    """A picture's file or address as RGB, uint8 [H, W, 3]. Raises InputError."""
    if source.kind == "url":
        return decoded(download(source.given), source.given, lost)
    if source.kind == "stdin":
        return decoded(source.content, source.given, lost)
    return read_picture(Path(source.given), lost)


def read_picture(path: Path, lost: Lost | None = None) -> Pixels:
    """A picture file as RGB, uint8 [H, W, 3]. Raises InputError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _no_file(error, path) from None
    return decoded(content, path, lost)


def decoded(content: bytes, name: object, lost: Lost | None = None) -> Pixels:
    """The content of a picture's file as RGB, uint8 [H, W, 3]; `lost` takes what it leaves out. Raises InputError."""
    try:
        picture = decode(content)
    except ValueError as error:
        raise _unreadable(str(error), name) from None
    if lost is not None:
        lost[str(name)] = picture.lost
    return np.asarray(picture.image)


def _standard_input() -> bytes:
    """What is piped in, to its end. Raises InputError on a terminal, nothing, or more than MOST_BYTES."""
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
        raise _unreadable("an empty name, as of a variable that is not set", "''")
    path = Path(argument)
    if not os.path.lexists(path):  # as the shell leaves ~ in quotes; a file's name may begin with it, too
        with suppress(RuntimeError):  # there is no such user
            path = path.expanduser()
    matches = [path]
    if not os.path.lexists(path) and glob.has_magic(argument):
        # As a shell has it: pathlib takes hidden files, and no absolute patterns.
        matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
    files: list[_File | Refused] = []
    skipped: Counter[str] = Counter()
    for match in matches:
        try:
            mode = match.stat().st_mode
        except OSError as error:
            files.append(Refused(str(match), _no_file(error, match)))
            continue
        if stat.S_ISDIR(mode):
            files += _pictures(match, out, skipped)
        elif stat.S_ISREG(mode):
            files.append(_File(match, match.parent))
    if not files:
        nothing = f"nothing that ends with {', '.join(READ)}; videos are named one by one"
        nothing += f"; {listed(skipped)}, which are not read: save them as JPEG" if skipped else ""
        raise _unreadable(nothing if matches else "no such file", argument)
    ignored += skipped
    return files


def _pictures(folder: Path, out: Path, skipped: Counter[str]) -> Iterator[_File | Refused]:
    """Pictures below a folder, through links too, in order; hidden ones and what lies in `out` are left alone."""
    closed: list[OSError] = []
    files = files_below(folder, closed, leave=out)
    skipped += ignored_pictures(files)
    yield from (_File(file, folder) for file in files if file.name.lower().endswith(READ))
    yield from (Refused(str(error.filename), _no_file(error, error.filename)) for error in closed)


def _absolute(path: Path) -> str:
    """Without `..`, but with links as they are: their names are those that the user gave."""
    return os.path.normpath(path.absolute())


def _is_url(argument: str) -> bool:
    """Whether it is an http(s) address. Raises InputError for any other kind of address."""
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


def _url_name(url: str) -> str:
    """The name that a URL gives to its content, without suffix: nothing in it leads to another folder."""
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
    step = "look at the path, what it links to, and its permissions"
    got = str(error)
    if isinstance(error, FileNotFoundError):
        place = Path(str(name))
        got += did_you_mean(str(place), (str(path) for path in place.parent.glob("*")))
    return InputError(
        "the picture cannot be read", expected="a file, or a folder of them", got=got, file=name, next_step=step
    )


def _unreadable(got: str, name: object) -> InputError:
    return InputError(
        "the picture cannot be read",
        expected=NO_PICTURE,
        got=got,
        file=name,
        next_step="name a picture's file; open a damaged, very large or other one in a viewer and save it anew",
    )
