"""A picture from an http(s) address, in memory.

Input: an address. Output: its content, of at most MOST_BYTES, within LONGEST_S; a redirect to anything but http(s) is
refused. Nothing is stored and nothing is tried twice: a broken connection fails one picture.
"""

import time

from sceneparse.core.errors import InputError

MOST_BYTES = 128 << 20
LONGEST_S = 300.0  # for all of it


def download(url: str) -> bytes:
    """Return the content at `url`. Raises InputError."""
    import requests  # here, because few pictures need it

    from sceneparse.fetch.causes import cause
    from sceneparse.fetch.receiving import answer, pieces

    content, deadline = bytearray(), time.monotonic() + LONGEST_S
    try:
        # requests itself knows no schemes but http and https, for redirects too.
        with answer(url) as response:
            if response.status_code != requests.codes.ok:
                raise _refusal(url, f"HTTP {response.status_code} {response.reason}")
            for piece in pieces(response):
                content += piece
                if len(content) > MOST_BYTES:
                    raise _refusal(url, f"more than {MOST_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise _refusal(url, f"{len(content)} bytes in {LONGEST_S:.0f} seconds, and no end")
    except requests.RequestException as error:
        raise _refusal(url, cause(error)) from None
    return bytes(content)


def _refusal(url: str, got: str) -> InputError:
    return InputError(
        "the picture cannot be fetched",
        expected=f"HTTP 200 and a picture of at most {MOST_BYTES} bytes",
        got=got,
        file=url,
        next_step="open the address in a browser; save a large picture from there and name its file",
    )
