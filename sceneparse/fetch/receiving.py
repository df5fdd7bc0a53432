"""Answers of HTTP servers, received within limits that hold whatever a server sends.

Input: an address. Output: the answer's status and headers, after redirects, within ANSWER_S; then its body, piece by
piece as it arrives. Invariant: no server holds the caller for ever: a body must keep to the least rate, and only the
body of the last answer is read. Errors are those of requests: ConnectionError and Timeout, after which another try may
help, and other RequestExceptions.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from time import monotonic
from urllib.parse import urljoin

import requests
import urllib3

from sceneparse.core.least_rate import LEAST_RATE, LeastRate
from sceneparse.core.proxies import no_proxy
from sceneparse.fetch.causes import shown_url

TIMEOUT_S = (10, 60)  # to connect; between two arrivals of bytes
ANSWER_S = 60.0  # for the headers of all redirects and of the answer
REDIRECTS = 10
CHUNK = 1 << 16  # most bytes of a piece


class _Session(requests.Session):
    """Session that follows no redirects: requests would read their bodies, however long these are."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


@contextmanager
def answer(url: str, headers: Mapping[str, str] | None = None) -> Iterator[requests.Response]:
    """Open the answer to a GET request, without its body."""
    deadline = monotonic() + ANSWER_S
    with _Session() as session:
        for _ in range(1 + REDIRECTS):
            with _opened(session, url, headers, deadline) as response:
                target = requests.Session.get_redirect_target(session, response)
                if target is None:
                    yield response
                    return
            url = urljoin(url, target)
        raise requests.TooManyRedirects(f"more than {REDIRECTS} redirects, the last to {shown_url(url)}")


def pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the body of an answer as it arrives, at most CHUNK bytes at a time."""
    rate = LeastRate()
    try:
        while piece := response.raw.read1(CHUNK, decode_content=True):
            rate.add(len(piece))
            if rate.too_slow():
                raise requests.Timeout(f"fewer than {LEAST_RATE} bytes a second")
            yield piece
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from None


def _opened(
    session: requests.Session, url: str, headers: Mapping[str, str] | None, deadline: float
) -> requests.Response:
    """Return the answer to one request, redirect or not."""
    proxies = {"no_proxy": no_proxy()}

    def get() -> requests.Response:
        try:
            return session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S, proxies=proxies)
        except urllib3.exceptions.LocationParseError as error:  # requests lets it through
            raise requests.exceptions.InvalidURL(str(error)) from None

    return _before(deadline, get)


def _before(deadline: float, get: Callable[[], requests.Response]) -> requests.Response:
    """Return get()'s result. A thread waits for it: a socket's timeout begins again with each byte of the headers."""
    result: Future[requests.Response] = Future()

    def work() -> None:
        try:
            result.set_result(get())
        except BaseException as error:
            result.set_exception(error)

    Thread(target=work, daemon=True).start()
    try:
        return result.result(max(0.0, deadline - monotonic()))
    except TimeoutError:
        result.add_done_callback(_close)
        raise requests.Timeout(f"no whole answer within {ANSWER_S:.0f} seconds") from None


def _close(late: Future[requests.Response]) -> None:
    if not late.exception():
        late.result().close()
