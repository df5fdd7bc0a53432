"""A Prefect API to report to: the one that is configured, or one of our own for as long as it is needed.

Prefect's own temporary server would outlive a killed run; ours is supervised like a stage. Its records are
in PREFECT_HOME as always, so a server that is started later shows them.
"""

import atexit
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.process import supervised
from stages.errors import InputError

PORT = 4200  # where Prefect's users look first
LOG = Path("state/flow/server.log")  # what an own server says
START_SECONDS = 120  # the first start makes the database


def private() -> None:
    """Keep Prefect from reporting its use, unless the user has said otherwise. To be called before its import."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")


def use_prefect_api() -> str:
    """URL of the API that this process and those that it starts report to from now on, until they end."""
    from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

    configured = get_current_settings().api.url
    if configured:
        return str(configured)
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "PREFECT_API_URL": url, "PREFECT_SERVER_UI_API_URL": url}
    held = ExitStack()
    atexit.register(held.close)  # registered early, so run late: after Prefect has sent what it still holds
    server = held.enter_context(supervised(command, cwd=Path.cwd(), environment=environment, output=LOG))
    deadline = time.monotonic() + START_SECONDS
    while not healthy(url):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Prefect's server did not start; its output:\n{LOG.read_text()[-2000:]}")
        time.sleep(0.1)
    os.environ["PREFECT_API_URL"] = url
    held.enter_context(temporary_settings({PREFECT_API_URL: url}))
    return url


@contextmanager
def api_reached() -> Iterator[None]:
    """Raise InputError for Prefect's own error when a configured API is away."""
    import httpx

    try:
        yield
    except (RuntimeError, httpx.ConnectError) as error:
        if isinstance(error, RuntimeError) and not str(error).startswith("Failed to reach API"):
            raise
        raise InputError(
            "Prefect's API does not answer",
            expected="the server that PREFECT_API_URL or the active Prefect profile names",
            got=str(error),
            file=os.environ.get("PREFECT_API_URL", "prefect config view"),
            next_step="start it (prefect server start), mend the address, or unset it: a server of our own does",
        ) from None


def free_port() -> int:
    """PORT, or another one where that is taken."""
    for port in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ended connections linger on a port
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("no free port on 127.0.0.1")


def healthy(url: str) -> bool:
    """Whether the API at `url` answers."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:  # noqa: S310 (our own server)
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
