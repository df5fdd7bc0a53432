"""Download of a pinned file from an HTTP server.

Input: a URL, the pinned digest and size, and the source file that pins them. Output: the complete, verified target, or
an InputError and an untouched target. Downloads grow in a cache folder, in files named by a hash of the URL (the server
names nothing), so that a later run can resume them. The digest covers the whole file, bytes of earlier runs included; a
file that does not match is removed, a matching one is kept under its digest.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sceneparse.core.disk_space import check_space
from sceneparse.core.errors import InputError
from sceneparse.core.files import atomic_write, file_digest, matches_digest
from sceneparse.core.locks import locked
from sceneparse.fetch.causes import shown_url
from sceneparse.fetch.transfer import UNOBTAINABLE, transfer


def fetch(
    url: str,
    target: Path,
    *,
    digest: str | None,
    size_bytes: int | None,
    cache: Path,
    pin: object,
    otherwise: str = "",
) -> None:
    """Put the URL's content at `target`, atomically; keep a target that already has the pinned digest.

    `digest` is `algorithm:hex`, `pin` the file that holds it, `otherwise` another next step, for
    users whom the server does not answer. The content stays in `cache` under its digest, so that no
    later run downloads it again. Without a digest, the download ends in an InputError with the digest to pin; its bytes
    stay in `cache` for the next run.
    Raises InputError if the content cannot be downloaded or does not match.
    """
    if digest and target.is_file() and matches_digest(target, digest):
        return
    cache.mkdir(parents=True, exist_ok=True)
    whole = cache / hashlib.sha256(url.encode()).hexdigest()
    with locked(whole.with_suffix(".lock"), f"fetching {shown_url(url)}"):
        kept = cache / digest.replace(":", "-") if digest else None
        if not (kept and kept.is_file() and matches_digest(kept, str(digest))):
            if not whole.exists():
                with _offering(otherwise):
                    transfer(url, whole, pinned=digest is not None, size_bytes=size_bytes)
            try:
                verify(whole, shown_url(url), digest, pin=pin)
            except InputError:
                whole.unlink()
                raise
            if kept is None:
                raise unpinned(whole, shown_url(url), pin=pin)
            whole.replace(kept)
        _link(kept, target)


@contextmanager
def _offering(otherwise: str) -> Iterator[None]:
    """Add another next step to the error about a server that does not send the file."""
    try:
        yield
    except InputError as error:
        if otherwise and error.problem == UNOBTAINABLE:
            error.next_step += f"\n    or {otherwise}"
        raise


def _link(path: Path, target: Path) -> None:
    """Make `target` a hard link to `path`, which takes no space, or a copy where links do not work."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.link")
    partial.unlink(missing_ok=True)
    try:
        partial.hardlink_to(path)
    except OSError:  # another file system, or one without links
        copy(path, target)
        return
    partial.replace(target)


def verify(path: Path, source: str, digest: str | None, *, pin: object) -> None:
    """Check a file from `source` against the digest in `pin`, if there is one. Raises InputError."""
    if digest and (got := file_digest(path, digest.partition(":")[0])) != digest:
        raise InputError(
            "the content does not match its pinned digest",
            expected=digest,
            got=f"{got} ({path.stat().st_size} bytes)",
            file=source,
            next_step=f"restore the pinned content and run again; or, to use this content, write its digest into {pin}",
        )


def unpinned(path: Path, source: str, *, pin: object) -> InputError:
    """Return the error for a source without a digest in `pin`; `path` holds its content, whose digest it names."""
    return InputError(
        "the source has no pinned digest",
        expected=f"a digest in {pin}",
        got=f"none; the content has {file_digest(path)} ({path.stat().st_size} bytes)",
        file=source,
        next_step="compare this digest with the publisher's, pin it there, and run again",
    )


def copy(path: Path, target: Path) -> None:
    """Copy a local file, atomically. Raises InputError, and TransientError if the disk has too little space."""
    try:
        content = path.open("rb")
    except OSError as error:
        raise InputError(
            "cannot read the source",
            expected="a file",
            got=str(error.strerror),
            file=path,
            next_step="fix the source in params.yaml",
        ) from None
    with content:
        check_space(target, os.fstat(content.fileno()).st_size)
        with atomic_write(target) as file:
            shutil.copyfileobj(content, file)
