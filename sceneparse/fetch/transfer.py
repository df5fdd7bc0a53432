"""One file over HTTP, in as many connections and runs as it takes.

Input: a URL, and what an earlier run left of it. Output: the whole content, unchecked: digests
are the caller's part. Invariant: the `.part` file holds a beginning of one version of the
content, the version that `.validator` names by its ETag or date; a server that cannot go on
from there, or has another version, is read from the start.
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

TRIES = 5  # connections in a row that bring nothing new
BACKOFF_S = 1.0  # before the second of them; doubles with each
TIMEOUT_S = (10, 60)  # to connect; between two chunks
CHUNK = 1 << 16  # bytes; also what a broken connection can lose of the bytes it brought

log = logging.getLogger(__name__)


def transfer(url: str, whole: Path, *, pinned: bool, size_bytes: int | None) -> None:
    """Bring the URL's content to `whole`, which appears when it is complete; what is unfinished stays beside it.

    `pinned` says that the caller knows the content's digest. Raises InputError when the server
    refuses or has another size than `size_bytes`, TransientError when it brings nothing new in
    TRIES connections.
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
                        "the file cannot be fetched",
                        expected="the whole file",
                        got=f"{file.tell()} bytes, then: {error}",
                        file=url,
                        next_step="check the address and the network, and run again: it goes on where it stopped",
                    ) from None
                time.sleep(BACKOFF_S * 2 ** max(failures - 1, 0))
            except requests.RequestException as error:
                raise _refusal(url, "an answer", str(error), "fix the url in the source file") from None
    part.replace(whole)
    note.unlink(missing_ok=True)


def _receive(url: str, file: IO[bytes], note: Path, pinned: bool, size_bytes: int | None) -> None:
    """Over one connection, append what `file` lacks, or fill it anew where the server cannot go on.

    Raises InputError, or one of requests' errors where another try may help.
    """
    start = file.tell()
    validator = note.read_text() if note.exists() else ""
    # Without a validator the content may have changed meanwhile, which only a pinned digest would show.
    resuming = start > 0 and (pinned or validator != "")
    headers = {"Accept-Encoding": "identity"}  # so that ranges count the bytes of the file itself
    if resuming:
        headers["Range"] = f"bytes={start}-"
    if resuming and validator:
        headers["If-Range"] = validator
    direct = {"no_proxy": no_proxy()}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S, proxies=direct) as response:
        status, now = response.status_code, _validator(response)
        first, total = _content_range(response)
        # 206 sends the rest; 416 says that there is none: the earlier run ended just before it renamed the file.
        goes_on = resuming and start == {206: first, 416: total}.get(status) and now in ("", validator)
        if goes_on and status == 416:
            return
        if resuming and status in (206, 416) and not goes_on:
            _empty(file)
            raise requests.ConnectionError(f"HTTP {status} does not go on at byte {start} of the same file")
        if status >= 500 or status in (408, 429):
            raise requests.ConnectionError(f"HTTP {status} {response.reason}")
        encoding = response.headers.get("Content-Encoding", "identity")
        if not (goes_on or status == 200) or encoding != "identity":
            got = f"HTTP {status} {response.reason}, encoding {encoding}"
            raise _refusal(url, "HTTP 200 and the file as it is", got, "fix the url in the source file")
        if status == 200:
            length = response.headers.get("Content-Length", "")
            start, total = 0, int(length) if length.isdigit() else None
        if size_bytes and total and total != size_bytes:
            raise other_size(url, size_bytes, total)
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
                    raise other_size(url, size_bytes, file.tell())
    if whole and file.tell() < whole:
        raise requests.ConnectionError(f"the connection ended at byte {file.tell()} of {whole}")


def _empty(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


def _validator(response: requests.Response) -> str:
    """What If-Range may name: a strong ETag, else the date, else nothing."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """First byte sent and size of the whole file, where Content-Range names them."""
    found = re.fullmatch(r"bytes (?:\*|(\d+)-\d+)/(?:\*|(\d+))", response.headers.get("Content-Range", ""))
    first, total = found.groups() if found else (None, None)
    return int(first) if first else None, int(total) if total else None


def other_size(source: str, expected: int, got: int) -> InputError:
    """The refusal of a file that has another size than the pinned one, in bytes."""
    step = "fix size_bytes or url in the source file, and run again"
    return InputError(
        "the size is not the pinned one", expected=f"{expected} bytes", got=f"{got} bytes", file=source, next_step=step
    )


def _refusal(url: str, expected: str, got: str, step: str) -> InputError:
    return InputError("the file cannot be fetched", expected=expected, got=got, file=url, next_step=step)
