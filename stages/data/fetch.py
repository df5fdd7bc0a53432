"""A pinned file, brought from a URL or a local path to its place.

Input: http(s)://, file:// or a path; the pinned digest and size. Output: the target, whole and
checked, or an InputError and the target as it was. Downloads grow in a cache folder, in files
named by a hash of the URL (the server names nothing), so that a stopped one goes on later. The
digest covers all bytes, those of earlier runs too; what fails it is removed.
"""

import errno
import hashlib
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stages.data.transfer import other_size, transfer
from stages.errors import InputError
from stages.files import atomic_write, file_digest, locked, matches_digest


def fetch(source: str, target: Path, *, digest: str | None, size_bytes: int | None, cache: Path) -> None:
    """Put the source's content at `target`, atomically; a target that has the pinned digest stays as it is.

    `digest` is `algorithm:hex`. Without one a local file is copied unchecked, and a download ends
    in an InputError that names the digest to pin; its bytes stay in `cache` for the next run.
    Raises InputError too when the source cannot be had or is not what was pinned.
    """
    if digest and target.is_file() and matches_digest(target, digest):
        return
    local = local_path(source)
    if local:
        _copy(local, target, source, digest, size_bytes)
        return
    cache.mkdir(parents=True, exist_ok=True)
    whole = cache / hashlib.sha256(source.encode()).hexdigest()
    with locked(whole.with_suffix(".lock"), f"fetching {source}"):
        if not whole.exists():
            transfer(source, whole, pinned=digest is not None, size_bytes=size_bytes)
        try:
            verify(whole, source, digest, size_bytes)
        except InputError:
            whole.unlink()
            raise
        if digest is None:
            raise unpinned(whole, source)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            whole.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:  # the cache may lie on another file system
                raise
            _copy(whole, target, source, digest, size_bytes)
            whole.unlink()


def local_path(source: str) -> Path | None:
    """The path that a source names; None for http and https, InputError for any other scheme."""
    scheme, separator, _ = source.partition("://")
    if not separator:
        return Path(source).expanduser()
    if scheme in ("http", "https"):
        return None
    parts = urlsplit(source)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    raise InputError(
        "the source's address is of no known kind",
        expected="http://, https://, file:///absolute/path or a path",
        got=f"{scheme}://{parts.netloc}",
        file=source,
        next_step="fetch it by other means, and name the local file in params.yaml",
    )


def verify(path: Path, source: str, digest: str | None, size_bytes: int | None) -> None:
    """Raise InputError unless the file, which came from `source`, has the pinned size and digest, where given."""
    size = path.stat().st_size
    if size_bytes is not None and size != size_bytes:
        raise other_size(source, size_bytes, size)
    if digest is None:
        return
    got = file_digest(path, digest.partition(":")[0])
    if got != digest:
        raise InputError(
            "the content is not the pinned one",
            expected=digest,
            got=f"{got} ({size} bytes)",
            file=source,
            next_step="run again to fetch it anew; if this is the content you want, pin its digest in params.yaml",
        )


def unpinned(path: Path, source: str) -> InputError:
    """The refusal of a source without a pinned digest; it names the digest of `path`, what came from there."""
    return InputError(
        "the source has no pinned digest",
        expected="a digest in params.yaml",
        got=f"null, for content with {file_digest(path)} ({path.stat().st_size} bytes)",
        file=source,
        next_step="compare it with the one its publisher names, pin it in params.yaml, and run again",
    )


def _copy(path: Path, target: Path, source: str, digest: str | None, size_bytes: int | None) -> None:
    try:
        content = path.open("rb")
    except OSError as error:
        raise InputError(
            "the source cannot be read",
            expected="a file",
            got=str(error.strerror),
            file=path,
            next_step="mend the source in params.yaml",
        ) from None
    with content, atomic_write(target) as copy:
        shutil.copyfileobj(content, copy)
        copy.flush()
        verify(Path(copy.name), source, digest, size_bytes)
