"""Connections of the page's server, none of which a client can hold for ever.

uvicorn by itself waits without limit for the rest of a request, and for a client that does not take its answer. Here a
client whose move it is must keep to the least rate (sceneparse/core/least_rate.py); and while MOST connections are
open, a new one takes the place of the one that is furthest behind.
"""

import asyncio
import fcntl
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sceneparse.core import least_rate

if TYPE_CHECKING:
    from fastapi import FastAPI

LINGER_SECONDS = 3  # for requests at work when the server stops
MOST = 128  # connections; a process may usually open 1024 files
PATIENCE_S = 2.0  # seconds that a connection may be behind while others want its place


def make_server(app: "FastAPI") -> uvicorn.Server:
    """Return a server of the page that prints warnings only."""
    config = uvicorn.Config(
        app,
        http=PacedProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=LINGER_SECONDS,
    )
    return uvicorn.Server(config)


class PacedProtocol(H11Protocol):
    """uvicorn's protocol that drops clients below the least rate."""

    _timer: asyncio.TimerHandle | None = None
    _unsent = 0  # bytes of answers that the client has not taken

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to measure; make room if there are too many connections."""
        super().connection_made(transport)
        self._measure_again()
        self._check()
        if len(self.connections) > MOST:
            others = [each for each in self.connections if isinstance(each, PacedProtocol) and each.late()]
            max(others, key=PacedProtocol.lag, default=self).transport.abort()

    def data_received(self, data: bytes) -> None:
        """Count bytes of a request."""
        self._rate.add(len(data))
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Begin to measure how the client takes the answer, or sends the rest of what was refused."""
        super().on_response_complete()
        self._measure_again()
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(least_rate.WINDOW_S, self._end_refused, self.cycle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop measuring."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def lag(self) -> float:
        """Return the seconds that the client is behind the least rate; 0 while it waits for us."""
        unsent = self._count_unsent()
        self._rate.add(max(0, self._unsent - unsent))
        self._unsent = unsent
        cycle = self.cycle
        if cycle and not (cycle.more_body or cycle.response_complete or unsent):  # its picture waits, or is segmented
            self._measure_again()
        return self._rate.lag()

    def late(self) -> bool:
        """Return whether a new connection may take the place of this one."""
        return not self.transport.is_closing() and self.lag() > PATIENCE_S

    def _measure_again(self) -> None:
        self._rate, self._unsent = least_rate.LeastRate(), self._count_unsent()

    def _count_unsent(self) -> int:
        """Return the bytes of answers that the client has not taken: here, and on Linux those in the kernel.

        The kernel takes megabytes at once, and then none until a third of them has gone, which can last minutes.
        """
        queued = bytearray(4)
        with suppress(OSError, ValueError):  # another system; a closed socket
            fcntl.ioctl(self.transport.get_extra_info("socket"), termios.TIOCOUTQ, queued)
        return self.transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)

    def _check(self) -> None:
        left = least_rate.WINDOW_S - self.lag()
        if left < 0:
            self.transport.abort()  # close() would wait for the client to take what is not sent
        else:
            self._timer = self.loop.call_later(left + 0.01, self._check)

    def _end_refused(self, cycle: object) -> None:
        if self.cycle is cycle and self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()
