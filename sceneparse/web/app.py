"""The server's side of the page: its files, GET /api/model, and POST /api/segment.

Input: HTTP requests. Output: the page, or JSON; an error is JSON too, {"error": message}. Invariants: the server
refuses requests under another name than its own (DNS rebinding), and posts from another site's page; it holds no body
beyond the limit; it segments one picture at a time, and lets few wait: pictures that have arrived whole.
"""

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sceneparse.dataset.picture_formats import TooLargeError
from sceneparse.web.answer import Segmenter, heat
from sceneparse.web.samples import samples_for
from sceneparse.web.uploads import BUSY, RefusedError, Uploads

PAGE = Path(__file__).parent / "page"
WAITING = 8  # whole pictures, the one at work included: from then on no more are read

SECURITY = {
    # The page's own files alone; blob: is the user's picture.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def make_app(segmenter: Segmenter, max_mb: int, names: Iterable[str]) -> FastAPI:
    """Build the application. `names`: its host names, beside localhost and IP addresses."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)  # FastAPI's own pages load scripts from elsewhere
    turn, held = anyio.Semaphore(1), [0]
    limit = max_mb * 10**6
    uploads = Uploads(limit)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        """Give the framework's own errors the form of all others."""
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def misread(_: Request, error: RequestValidationError) -> Response:
        """Give errors about the address's flags the form of all others."""
        first = error.errors()[0]
        return _error(422, f"{first['loc'][-1]}: {first['msg']}")

    @app.get("/api/model")
    async def model() -> Any:
        """Return the model's name and classes, the colours of 0..100 percent, the limits, and names of samples."""
        return {
            "name": segmenter.name,
            "classes": segmenter.classes(),
            "heat": heat(),
            "max_bytes": limit,
            "max_megapixels": segmenter.max_megapixels,
            "samples": samples_for(segmenter.parser.classes),
        }

    def check_free() -> None:
        if held[0] >= WAITING:
            raise RefusedError(503, BUSY)

    @app.post("/api/segment")
    async def segment(request: Request, confidence: bool = False) -> Response:
        """Segment the picture in the request's body: see Segmenter.answer."""
        try:
            check_free()
            content = await uploads.read(request)
            held[0] += 1
            try:
                async with turn:
                    if await request.is_disconnected():  # the page shows another picture by now
                        return Response(status_code=204)
                    return JSONResponse(await anyio.to_thread.run_sync(segmenter.answer, content, confidence))
            finally:
                held[0] -= 1
        except ClientDisconnect:
            return Response(status_code=204)
        except RefusedError as error:
            return _error(error.status, str(error))
        except TooLargeError as error:
            return _error(413, str(error))
        except ValueError as error:
            advice = "" if "save it" in str(error) else "; open it in a viewer and save it as JPEG or PNG"
            return _error(415, f"the picture cannot be read: {error}{advice}")

    app.mount("/", StaticFiles(directory=PAGE, html=True))  # last: it takes all other paths
    app.add_middleware(Guard, names=frozenset({"localhost", *map(str.lower, names)}))
    return app


class Guard:
    """Refuse requests that are not meant for this server, and add SECURITY to every answer."""

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, as ASGI defines it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY)
            await send(message)

        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        app = self.app
        if not self._known(host):
            app = _error(403, "this server does not answer to that name: use its address, or localhost")
        elif origin is not None and urlsplit(origin).netloc != host:
            app = _error(403, "another site's page may not use this server")
        await app(scope, receive, send_with_headers)

    def _known(self, host: str) -> bool:
        """Return whether a host is an IP address, which cannot be rebound to another machine, or one of the names."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            return name in self.names or bool(ipaddress.ip_address(name))
        except ValueError:
            return False


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)
