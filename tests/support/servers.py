"""Real HTTP servers on loopback: one serves a file and misbehaves on demand, one is a proxy."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Served:
    """Answers of the server, which tests change between requests. `log` holds (Range, If-Range, bytes sent)."""

    content: bytes
    etag: str | None = '"v1"'
    modified: str | None = None
    ranges: bool = True
    heeds_if_range: bool = True
    claims_length: bool = True
    status: int | None = None  # instead of an answer
    statuses: list[int] = field(default_factory=list)  # instead of the next answers
    drops: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    down_after_drops: bool = False
    shift: int = 0  # error in where a partial answer begins
    encoding: str | None = None
    stalls_after: int | None = None  # bytes after which the answer hangs until `freed`
    freed: threading.Event = field(default_factory=threading.Event)
    log: list[tuple[str | None, str | None, int]] = field(default_factory=list)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    served: Served

    def do_GET(self) -> None:
        served, wanted, version = self.served, self.headers["Range"], self.headers["If-Range"]
        size = len(served.content)
        start, status = 0, 200
        if self.path == "/moved":
            self._head(302, {"Location": served.url})
        elif served.status or served.statuses:
            served.log.append((wanted, version, 0))
            self._head(served.status or served.statuses.pop(0), {})
        else:
            known = version in (None, served.etag, served.modified) or not served.heeds_if_range
            if served.ranges and wanted and known:
                start, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
            if start >= size and status == 206:
                served.log.append((wanted, version, 0))
                self._head(416, {"Content-Range": f"bytes */{size}"})
                self.wfile.write(b"<h1>416 Range Not Satisfiable</h1>")
                return
            body = served.content[start:]
            headers = {"ETag": served.etag, "Last-Modified": served.modified, "Content-Encoding": served.encoding}
            if served.claims_length:
                headers["Content-Length"] = str(len(body))
            if status == 206:
                headers["Content-Range"] = f"bytes {start + served.shift}-{size - 1}/{size}"
            sent = body
            if served.drops:
                sent = body[: served.drops.pop(0)]
                served.status = 503 if served.down_after_drops and not served.drops else None
            # Logged before it is sent: a client that hangs up early may be back before this line otherwise.
            served.log.append((wanted, version, len(sent)))
            self._head(status, headers)
            stop = len(sent) if served.stalls_after is None else served.stalls_after
            self.wfile.write(sent[:stop])
            if served.stalls_after is not None:
                served.freed.wait(180)
            self.wfile.write(sent[stop:])

    def _head(self, status: int, headers: dict[str, Any]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is no error of the server."""


@contextmanager
def serving(content: bytes) -> Iterator[Served]:
    """Serve `content` at any path but /moved, which redirects there."""
    served = Served(content)
    handler = type("Handler", (_Handler,), {"served": served})
    with _Server(("127.0.0.1", 0), handler) as server:
        # The server's own name is no name to write files under.
        served.url = f"http://127.0.0.1:{server.server_port}/../..%2Fdata.zip?file=/etc/name"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served
        finally:
            served.freed.set()
            server.shutdown()
            thread.join()


@dataclass
class Proxy:
    """An HTTP proxy's address, and the URLs that it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def proxying(content: bytes) -> Iterator[Proxy]:
    """Run a proxy to which every host is one that serves `content`."""
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            proxy.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

        do_POST = do_CONNECT = do_GET  # noqa: N815 (names of http.server)

    with _Server(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
