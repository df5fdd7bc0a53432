"""Resumable HTTP download of one file.

Input: a URL, and the part that an earlier run left. Output: the complete content, unverified: callers check digests.
Invariant: the `.part` file holds the beginning of one version of the content, identified by the ETag or date in
`.validator`. If the server has another version, or cannot resume, the download starts over.
"""

import logging
import re
import time
from pathlib import Path
from typing import IO

import requests
from requests.exceptions import ChunkedEncodingError

from sceneparse.core.errors import InputError, TransientError
from sceneparse.core.files import write_text
from sceneparse.core.progress import progress
from sceneparse.core.proxies import no_proxy

TRIES = 5  # consecutive connections without progress before giving up
BACKOFF_S = 1.0  # pause before the second try; doubles each time
TIMEOUT_S = (10, 60)  # to connect; between two chunks
CHUNK = 1 << 16  # bytes per read; a broken connection loses at most one chunk

log = logging.getLogger(__name__)


def transfer(url: str, whole: Path, *, pinned: bool, size_bytes: int | None) -> None:
    """Download the URL's content to `whole`, which appears once complete; unfinished downloads stay beside it.

    `pinned`: the caller knows the content's digest. Raises InputError if the server refuses or has another size than
    `size_bytes`, TransientError after TRIES connections without progress.
    """
    part, note = whole.with_suffix(".part"), whole.with_suffix(".validator")
    log.info("fetching %s", url)
    with part.open("ab") as file:
        best, failures = file.tell(), 0
        while True:
            try:
                _receive(url, file, note, pinned, size_bytes)
                break
            except (requests.ConnectionError, requests.Timeout, ChunkedEncodingError) as error:
                failures = 0 if file.tell() > best else failures + 1
                best = max(best, file.tell())
                if failures == TRIES:
                    raise TransientError(
                        "cannot download the file",
                        expected="the whole file",
                        got=f"{file.tell()} bytes, then: {error}",
                        file=url,
                        next_step="check the address and the network, and run again: the download resumes",
                    ) from None
                time.sleep(BACKOFF_S * 2 ** max(failures - 1, 0))
            except requests.RequestException as error:
                raise _refusal(url, "an answer", str(error), "fix the url in the source file") from None
    part.replace(whole)
    note.unlink(missing_ok=True)


def _receive(url: str, file: IO[bytes], note: Path, pinned: bool, size_bytes: int | None) -> None:
    """Append the rest of the content to `file` over one connection, or start over if the server cannot resume.

    Raises InputError, or one of requests' errors if another try may help.
    """
    start = file.tell()
    validator = note.read_text() if note.exists() else ""
    # Without a validator, only a pinned digest would reveal that the content has changed since.
    resuming = start > 0 and (pinned or validator != "")
    headers = {"Accept-Encoding": "identity"}  # no compression: ranges count the file's own bytes
    if resuming:
        headers["Range"] = f"bytes={start}-"
    if resuming and validator:
        headers["If-Range"] = validator
    direct = {"no_proxy": no_proxy()}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S, proxies=direct) as response:
        status, now = response.status_code, _validator(response)
        first, total = _content_range(response)
        # 206 sends the rest; 416 means nothing is left: the earlier run was killed before renaming the file.
        resumes = resuming and start == {206: first, 416: total}.get(status) and now in ("", validator)
        if resumes and status == 416:
            return
        if resuming and status in (206, 416) and not resumes:
            _empty(file)
            raise requests.ConnectionError(f"HTTP {status} does not resume at byte {start} of the same version")
        if status >= 500 or status in (408, 429):
            raise requests.ConnectionError(f"HTTP {status} {response.reason}")
        encoding = response.headers.get("Content-Encoding", "identity")
        if not (resumes or status == 200) or encoding != "identity":
            got = f"HTTP {status} {response.reason}, encoding {encoding}"
            raise _refusal(url, "HTTP 200 and an unencoded file", got, "fix the url in the source file")
        if status == 200:
            length = response.headers.get("Content-Length", "")
            start, total = 0, int(length) if length.isdigit() else None
        if size_bytes and total and total != size_bytes:
            raise _other_size(url, size_bytes, total)
        if status == 200:
            _empty(file)
            write_text(note, now)
        whole = total or size_bytes
        with progress(
            desc="fetch", total=whole, initial=start, unit="B", unit_scale=True, unit_divisor=1024, mininterval=0.5
        ) as bar:
            for chunk in response.iter_content(CHUNK):
                bar.update(file.write(chunk))
                if size_bytes and file.tell() > size_bytes:
                    raise _other_size(url, size_bytes, file.tell())
    if whole and file.tell() < whole:
        raise requests.ConnectionError(f"the connection ended at byte {file.tell()} of {whole}")


def _empty(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


def _validator(response: requests.Response) -> str:
    """Return the response's validator for If-Range: a strong ETag, else the date, else ''."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return the first byte sent and the size of the whole file, as far as Content-Range has them."""
    match = re.fullmatch(r"bytes (?:\*|(\d+)-\d+)/(?:\*|(\d+))", response.headers.get("Content-Range", ""))
    first, total = match.groups() if match else (None, None)
    return int(first) if first else None, int(total) if total else None


def _other_size(source: str, expected: int, got: int) -> InputError:
    step = "fix size_bytes or url in the source file, and run again"
    problem = "the size does not match the pinned one"
    return InputError(problem, expected=f"{expected} bytes", got=f"{got} bytes", file=source, next_step=step)


def _refusal(url: str, expected: str, got: str, step: str) -> InputError:
    return InputError("cannot download the file", expected=expected, got=got, file=url, next_step=step)
