"""A server on a raw socket, for answers that no HTTP server gives: byte by byte, endless, or malformed."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Asked:
    """The server's address; heads of the requests so far, and when each one came."""

    url: str
    heads: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def starts(self) -> list[int]:
        """First byte that each request wants."""
        ranges = [head.lower().partition("range: bytes=")[2].partition("-")[0] for head in self.heads]
        return [int(start or 0) for start in ranges]


@contextmanager
def speaking(answer: Callable[[int], Iterable[bytes]]) -> Iterator[Asked]:
    """Answer each connection with the pieces of `answer(number of requests before)`, then close it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = Asked(f"http://127.0.0.1:{server.getsockname()[1]}/data.zip")

        def talk(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (piece := connection.recv(65536)):
                        return
                    head += piece
                asked.times.append(time.monotonic())
                asked.heads.append(head.decode())
                for piece in answer(len(asked.heads) - 1):
                    connection.sendall(piece)

        def accept() -> None:
            with suppress(OSError):  # the socket is closed at the end
                while True:
                    threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield asked
        with suppress(OSError):  # macOS: it is not connected
            server.shutdown(socket.SHUT_RDWR)


def head(status: str = "200 OK", **headers: object) -> bytes:
    """Status line and headers of an answer; an underscore in a name is a hyphen."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def dripping(content: bytes, pause: float = 0.02) -> Iterator[bytes]:
    """Yield the content byte by byte."""
    for byte in content:
        time.sleep(pause)
        yield bytes([byte])


def endless(piece: bytes = bytes(1 << 16)) -> Iterator[bytes]:
    """Yield the piece for ever."""
    while True:
        yield piece
