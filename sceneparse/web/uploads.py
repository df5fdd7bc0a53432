"""Bodies of requests while they are read: stalled clients cannot take all places.

Input: requests. Output: their bodies, up to a limit of bytes. Invariant: at most MOST bodies are in memory; while there
are as many, a new one takes the place of the one that is furthest behind the least rate.
"""

from dataclasses import dataclass, field

import anyio
from starlette.requests import Request

from sceneparse.core.least_rate import LeastRate
from sceneparse.dataset.picture_formats import TooLargeError
from sceneparse.web.connections import PATIENCE_S

MOST = 8
BUSY = "too many pictures at once: try again in a moment"


class RefusedError(Exception):
    """Refusal of a request, with the status of its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(eq=False)
class _Upload:
    rate: LeastRate = field(default_factory=LeastRate)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class Uploads:
    """The bodies that are being read, each of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[_Upload] = set()

    async def read(self, request: Request) -> bytes:
        """Return a request's body.

        Raises TooLargeError beyond the limit (uvicorn drops the rest), RefusedError if there is no place, or if another
        body took this one's, and ClientDisconnect if the client left.
        """
        if len(self._open) >= MOST:
            self._make_room()
        upload, content = _Upload(), bytearray()
        self._open.add(upload)
        try:
            with upload.scope:
                async for chunk in request.stream():
                    upload.rate.add(len(chunk))
                    content += chunk
                    if len(content) > self._limit:
                        most = f"{self._limit / 1e6:g} MB"
                        raise TooLargeError(f"the file is larger than {most}, the most that is taken here")
                return bytes(content)
            raise RefusedError(408, "the picture came too slowly, and others wait: try again")
        finally:
            self._open.discard(upload)

    def _make_room(self) -> None:
        slowest = max(self._open, key=lambda upload: upload.rate.lag())
        if slowest.rate.lag() <= PATIENCE_S:
            raise RefusedError(503, BUSY)
        self._open.discard(slowest)
        slowest.scope.cancel()
