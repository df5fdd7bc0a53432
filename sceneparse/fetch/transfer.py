"""Resumable HTTP download of one file.

Input: a URL, and the part that an earlier run left. Output: the complete content, unverified: callers check digests.
Invariant: the `.part` file holds the beginning of one version of the content, identified by the ETag or date in
`.validator`. If the server has another version, or cannot resume, the download starts over. Limits: the least rate
(sceneparse/core/least_rate.py), and room on the disk for the size that the server or the source file names; a file of
unknown size may grow until RESERVE_BYTES are left.
"""

import logging
import re
import time
from pathlib import Path
from typing import IO

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from sceneparse.core.disk_space import check_space, free_bytes, size_text
from sceneparse.core.errors import InputError, TransientError
from sceneparse.core.files import write_text
from sceneparse.core.least_rate import LEAST_RATE, WINDOW_S
from sceneparse.core.progress import progress
from sceneparse.fetch.causes import cause, shown_url
from sceneparse.fetch.receiving import answer, pieces

TRIES = 5  # consecutive connections without progress before giving up
PROGRESS_BYTES = LEAST_RATE * WINDOW_S  # bytes that count as progress: else a byte for each connection would do
BACKOFF_S = 1.0  # pause before the second try; doubles each time
LONGEST_PAUSE_S = 120.0  # most that a server's Retry-After can ask for
RESERVE_BYTES = 100 * 10**6  # of the disk that stay free
UNOBTAINABLE = "cannot download the file"  # the problem, where server or network is at fault

log = logging.getLogger(__name__)


class _BusyServerError(requests.ConnectionError):
    """Answer that asks for another try, after `seconds`."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"HTTP {response.status_code} {response.reason}")
        try:
            self.seconds = Retry().get_retry_after(response.raw) or 0.0
        except (InvalidHeader, ValueError, OverflowError):
            self.seconds = 0.0


def transfer(url: str, whole: Path, *, pinned: bool, size_bytes: int | None) -> None:
    """Download the URL's content to `whole`, which appears once complete; unfinished downloads stay beside it.

    `pinned`: the caller knows the content's digest. Raises InputError if the server refuses, has another size than
    `size_bytes`, or sends more than the disk holds; TransientError after TRIES connections without progress, where the
    server asks for a pause longer than LONGEST_PAUSE_S, and where the disk has too little space.
    """
    part, note = whole.with_suffix(".part"), whole.with_suffix(".validator")
    log.info("fetching %s", shown_url(url))
    with part.open("ab") as file:
        best, failures = file.tell(), 0
        while True:
            try:
                _receive(url, file, note, pinned, size_bytes)
                break
            except (requests.ConnectionError, requests.Timeout) as error:
                progressed = file.tell() - best >= PROGRESS_BYTES
                failures, best = (0, file.tell()) if progressed else (failures + 1, best)
                pause = error.seconds if isinstance(error, _BusyServerError) else 0.0
                if failures == TRIES or pause > LONGEST_PAUSE_S:
                    asked = f", and asks for a pause of {pause:.0f} seconds" if pause else ""
                    raise TransientError(
                        UNOBTAINABLE,
                        expected="the whole file",
                        got=f"{file.tell()} bytes, then: {cause(error)}{asked}",
                        file=shown_url(url),
                        next_step="check the address and the network, and run again"
                        + (" after that pause" if pause else ": the download resumes"),
                    ) from None
                time.sleep(max(pause, BACKOFF_S * 2 ** max(failures - 1, 0)))
            except requests.RequestException as error:
                raise _refusal(url, "an answer", cause(error), "fix the url in the source file") from None
    part.replace(whole)
    note.unlink(missing_ok=True)


def _receive(url: str, file: IO[bytes], note: Path, pinned: bool, size_bytes: int | None) -> None:
    """Append the rest of the content to `file` over one connection, or start over if the server cannot resume.

    Raises InputError or TransientError, or one of requests' errors if another try may help.
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
    with answer(url, headers) as response:
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
            raise _BusyServerError(response)
        encoding = response.headers.get("Content-Encoding", "identity")
        if not (resumes or status == 200) or encoding != "identity":
            got = f"HTTP {status} {response.reason}, encoding {encoding}"
            raise _refusal(url, "HTTP 200 and an unencoded file", got, "fix the url in the source file")
        if status == 200:
            total = _size(response.headers.get("Content-Length"))
        if size_bytes and total and total != size_bytes:
            raise _other_size(url, size_bytes, total)
        if status == 200:
            _empty(file)
            write_text(note, now)
        _append(url, response, file, total or size_bytes, size_bytes)


def _append(url: str, response: requests.Response, file: IO[bytes], whole: int | None, size_bytes: int | None) -> None:
    """Append the body of an answer to `file`, which has `whole` bytes then, if that is known."""
    part, start = Path(file.name), file.tell()
    if whole:
        check_space(part, whole - start, spare=RESERVE_BYTES)
    with progress(
        desc="fetch", total=whole, initial=start, unit="B", unit_scale=True, unit_divisor=1024, mininterval=0.5
    ) as bar:
        for piece in pieces(response):
            bar.update(file.write(piece))
            if size_bytes and file.tell() > size_bytes:
                raise _other_size(url, size_bytes, file.tell())
            if not whole and free_bytes(part) < RESERVE_BYTES:
                raise _endless(url, file)
    if whole and file.tell() < whole:
        raise requests.ConnectionError(f"the connection ended at byte {file.tell()} of {whole}")


def _empty(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


def _endless(url: str, file: IO[bytes]) -> InputError:
    got = f"{size_text(file.tell())} of a size that the server does not name, and no end"
    _empty(file)  # not to be resumed: nobody knows whether it ends
    expected = f"a file that leaves {size_text(RESERVE_BYTES)} of the disk free"
    return _refusal(url, expected, got, "check the address; or give the file's size_bytes in the source file")


def _validator(response: requests.Response) -> str:
    """Return the response's validator for If-Range: a strong ETag, else the date, else ''."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return the first byte sent and the size of the whole file, as far as Content-Range has them."""
    match = re.fullmatch(r"bytes (?:\*|(\d+)-\d+)/(?:\*|(\d+))", response.headers.get("Content-Range", ""))
    first, total = match.groups() if match else (None, None)
    return _size(first), _size(total)


def _size(text: str | None) -> int | None:
    """Return a header's number of bytes, or None if it has none, or one that no file has."""
    return int(text) if text and re.fullmatch("[0-9]{1,18}", text) else None


def _other_size(url: str, expected: int, got: int) -> InputError:
    step = "fix size_bytes or url in the source file, and run again"
    problem = "the size does not match the pinned one"
    return InputError(problem, expected=f"{expected} bytes", got=f"{got} bytes", file=shown_url(url), next_step=step)


def _refusal(url: str, expected: str, got: str, step: str) -> InputError:
    return InputError(UNOBTAINABLE, expected=expected, got=got, file=shown_url(url), next_step=step)
