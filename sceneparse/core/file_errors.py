"""Errors of files and disks as InputErrors: which file, how much is free, what to do.

Input: an exception of the operating system, or of a library that passes on the system's message (TensorFlow, HDF5,
shutil). Output: a TransientError where trying again can help, such as a full disk; else an InputError. Invariant: an
exception that is neither about a file nor about memory (memory_errors.py) stays as it is. Stages, commands and the flow
run inside `files_understood`, so no other code needs to handle these errors.
"""

import errno
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import NamedTuple, TypeVar

from sceneparse.core.disk_space import free_text
from sceneparse.core.errors import InputError, TransientError
from sceneparse.core.memory_errors import memory_error

Opened = TypeVar("Opened")


class _Kind(NamedTuple):
    problem: str
    expected: str
    next_step: str
    passes: bool = False  # trying again can help


_DENIED = _Kind(
    "permission is denied",
    "a file or folder that this user may use",
    "ls -ld shows the owner and mode of it and of the folders above: change them (chown, chmod), or use another path",
)
_TAKEN = _Kind("something else has that name", "a free name", "move it away, or use another path")
_OPEN = _Kind(
    "too many files are open",
    "fewer open files than the limit",
    "raise the limit (ulimit -n 4096) or end other programs, and run again",
    passes=True,
)
_BROKEN = _Kind("the disk fails", "a disk that answers", "check the disk and its connection (dmesg), and run again")
_IN_USE = _Kind("another program uses the file", "a file that is free", "end that program, and run again", passes=True)
_OTHER = _Kind("a file cannot be used", "a path that its disk accepts", "use another path")

KINDS = {
    errno.ENOSPC: _Kind(
        "the disk is full", "space for the output", "free some (df -h shows the disks), and run again", passes=True
    ),
    errno.EDQUOT: _Kind(
        "the disk quota is used up", "space for the output", "remove files of yours, and run again", passes=True
    ),
    errno.EFBIG: _Kind(
        "the file is too large",
        "a size within the limits of the file system and of ulimit -f",
        "use another file system, or raise the limit: ulimit -f unlimited",
    ),
    errno.EROFS: _Kind(
        "the file system is read-only",
        "a file system to write to",
        "use a path on another disk, or mount this one for writing",
    ),
    errno.ENOENT: _Kind("a file is missing", "a file or folder that exists", "put it back, or use another path"),
    errno.EISDIR: _Kind("a folder is where a file belongs", "a file", "move the folder away, or use another path"),
    errno.ENOTDIR: _Kind("a file is where a folder belongs", "a folder", "move the file away, or use another path"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), _DENIED),
    **dict.fromkeys((errno.EEXIST, errno.ENOTEMPTY), _TAKEN),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _OPEN),
    **dict.fromkeys((errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE), _BROKEN),
    **dict.fromkeys((errno.EBUSY, errno.ETXTBSY), _IN_USE),
}
WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # errors that only writing raises


@contextmanager
def files_understood() -> Iterator[None]:
    """Turn errors of files and memory in the block into InputErrors, or TransientErrors where trying again can help."""
    try:
        yield
    except Exception as error:
        raise_passing(error)
        if refusal := file_error(error) or memory_error(error):
            raise refusal from error
        raise


def file_error(error: BaseException) -> InputError | None:
    """Return the InputError for an exception of the system or a library, or None if it is not about a file."""
    number = 0 if isinstance(error, InputError) else _number(error)
    if number not in KINDS and not (number and isinstance(error, OSError) and error.filename):
        return None
    kind, path, got = KINDS.get(number, _OTHER), _path(error), os.strerror(number)
    if number in WRITING:
        with suppress(OSError):
            got += f"; {free_text(path or Path())}"
    return (TransientError if kind.passes else InputError)(
        kind.problem,
        expected=kind.expected,
        got=got,
        file=path or "a file that the system does not name, or standard output",
        next_step=kind.next_step,
    )


def raise_passing(error: BaseException) -> None:
    """Raise TransientError if a condition such as a full disk led to `error`, an InputError for instance."""
    link: BaseException | None = error
    while link and not isinstance(link, TransientError):
        if isinstance(refusal := file_error(link), TransientError):
            raise refusal from error
        link = link.__cause__ or link.__context__


def names_file(
    opening: Callable[[Path], AbstractContextManager[Opened]],
) -> Callable[[Path], AbstractContextManager[Opened]]:
    """Make a context manager that writes to a path name this path in errors of writing, which name no file."""

    @wraps(opening)
    @contextmanager
    def named(path: Path) -> Iterator[Opened]:
        try:
            with opening(path) as opened:
                yield opened
        except OSError as error:
            if error.errno in WRITING and error.filename is None:
                error.filename = str(path)
            raise

    return named


def flush_output() -> None:
    """Flush standard output. After an error drop what is left of it, which Python would write again at its end."""
    if not sys.stdout:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the command's main checks whether its reader has gone
        raise
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _number(error: BaseException) -> int:
    """Return the system's number of an error, or 0; libraries give it, or its message, in their own text."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    if number := re.search(r"\berrno = (\d+)", str(error)):  # HDF5
        return int(number[1])
    if isinstance(error, OSError) or type(error).__module__.startswith("tensorflow."):
        return next((number for number in KINDS if os.strerror(number) in str(error)), 0)
    return 0


def _path(error: BaseException) -> Path | None:
    """Return the file that an error names."""
    if isinstance(error, OSError) and (name := error.filename2 or error.filename):  # renaming names two
        return Path(os.fsdecode(name) if isinstance(name, bytes) else str(name))
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return Path(str(error.args[0][0][1]))  # (source, target, message) of each file
    named = re.search(r"\b(?:file)?name = '([^']+)'|([^\n;{}]+); (?=[A-Z])", str(error))  # HDF5; TensorFlow
    return Path((named[1] or named[2]).strip()) if named else None
