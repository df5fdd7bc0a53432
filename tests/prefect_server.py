"""A real Prefect server on loopback, with a home of its own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from daemons import daemon, free_port


@dataclass(frozen=True)
class PrefectServer:
    """Its address, and the environment of processes that report to it."""

    url: str
    environment: dict[str, str]


def quiet_environment(home: Path) -> dict[str, str]:
    """Prefect without telemetry, and nothing shared with the user's own."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",
    }


@contextmanager
def prefect_server(home: Path) -> Iterator[PrefectServer]:
    """Start a server that keeps its records in `home`; end it with the block."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {**quiet_environment(home), "PREFECT_API_URL": url, "PREFECT_SERVER_UI_API_URL": url}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with daemon(command, home / "server.log", lambda: healthy(url), {**os.environ, **environment}):
        yield PrefectServer(url, environment)


def healthy(url: str) -> bool:
    """Whether the API answers."""
    try:
        return requests.get(f"{url}/health", timeout=5).ok
    except requests.ConnectionError:
        return False
