"""Prefect's server on loopback, as a process of its own: `python -P api_process.py PORT`.

Output: Prefect's API and pages at the port until SIGTERM, its log on standard error. The process ends at once with
PORT_TAKEN if the port is taken, and with 0 if Prefect's settings name an API, which is then the one to use.
`prefect server start` runs the same application, but imports Prefect's whole command line first, and binds the port
last.
"""

import asyncio
import errno
import gc
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

PORT_TAKEN = 98  # exit status
HANDLE_SECONDS = 3.0  # at the end, for messages that have arrived: a webhook's server may be slow


def main() -> None:
    """Serve until SIGTERM; exit with 1 if the server cannot start."""
    gc.disable()  # saves a fifth of the import time below: imported objects are no garbage
    listener = listen(int(sys.argv[1]))
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    if get_current_settings().api.url:
        return
    url = f"http://127.0.0.1:{sys.argv[1]}/api"
    os.environ |= {"PREFECT_API_URL": url, "PREFECT_SERVER_UI_API_URL": url}
    refresh_global_settings_context()

    import uvicorn
    from prefect.server.api.server import create_app

    app, api = create_app(), get_current_settings().server.api
    handle_messages_before_end(app)
    config = uvicorn.Config(
        app,
        timeout_keep_alive=api.keepalive_timeout,
        ws_ping_interval=api.websocket_ping_interval,
        ws_ping_timeout=api.websocket_ping_timeout,
        log_level=get_current_settings().server.logging_level.lower(),
    )
    gc.freeze()
    gc.enable()
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    sys.exit(not server.started)


def listen(port: int) -> socket.socket:
    """Listen at once: nobody else takes the port while Prefect loads, and early requests wait."""
    # With the protocol, as asyncio sends small packets without delay only then: 40 ms for each request.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ended connections linger on a port
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        sys.exit(PORT_TAKEN if error.errno == errno.EADDRINUSE else str(error))
    return listener


def handle_messages_before_end(app: Any) -> None:
    """Make the application handle the messages that it has received before its services stop.

    The services drop what waits for them: states of tasks, and events on which a message to the user depends.
    """
    from prefect.server.utilities.messaging.memory import METRICS

    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def whole_lifespan(app: Any) -> AsyncIterator[Any]:
        async with lifespan(app) as state:
            yield state
            deadline = time.monotonic() + HANDLE_SECONDS
            while any(topic["published"] > topic["consumed"] for topic in METRICS.values()):
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(0.02)

    app.router.lifespan_context = whole_lifespan


if __name__ == "__main__":
    main()
