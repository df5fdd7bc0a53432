"""Links to the report and the model, and the small server behind them: browsers open no file:// link on a web page.

Input: the project's directory. Output: the files in the report's and the model's folder, for GET at 127.0.0.1.
Invariant: no list of files, no file elsewhere, also not through a link in a folder, and no answer under another host
name, which a foreign page could give itself (DNS rebinding).
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from pipeline.repro.stage_paths import stage_path

PORT = 4280  # preferred, so that links of earlier runs keep working
VARIABLE = "SCENEPARSE_RESULTS_URL"  # environment variable: address that has the project's report/ and models/


def result_link(root: Path, path: Path) -> str:
    """Return the http address of a result's path in the project, or its file:// address where no server has it."""
    address = os.environ.get(VARIABLE)
    return f"{address.rstrip('/')}/{quote(path.as_posix())}" if address else (root / path).as_uri()


def results_app(root: Path) -> Starlette:
    """Return the server's application."""
    folders = {stage_path("--report", root), stage_path("--model", root).parent}
    routes = [
        Mount(f"/{folder.as_posix()}", StaticFiles(directory=root / folder, html=True, check_dir=False))
        for folder in folders
    ]
    names = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False)
    return Starlette(routes=routes, middleware=[names])


@contextmanager
def serving_results(root: Path) -> Iterator[None]:
    """Serve the results, and name the address in VARIABLE, until the block ends; do nothing where it is set."""
    if os.environ.get(VARIABLE):
        yield
        return
    import uvicorn

    with _listener() as listener:
        server = uvicorn.Server(
            uvicorn.Config(results_app(root), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        )
        # Outside of the main thread uvicorn leaves signals alone.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        os.environ[VARIABLE] = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield
        finally:
            del os.environ[VARIABLE]
            server.should_exit = True
            thread.join()


def _listener() -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", PORT))
    except OSError:  # taken
        return socket.create_server(("127.0.0.1", 0))
