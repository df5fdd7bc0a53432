"""A real Prefect server on loopback, with a home of its own."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from daemons import PATIENCE, daemon, free_port


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
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",  # seconds, instead of ten
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }


def migrate(home: Path) -> None:
    """Make an empty database in `home`, which takes longer than most tests: a home to be copied."""
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(command, env={**os.environ, **quiet_environment(home)}, check=True, capture_output=True)


@contextmanager
def prefect_server(home: Path, like: Path | None = None) -> Iterator[PrefectServer]:
    """Start a server that keeps its records in `home`, a copy of `like`; end it with the block."""
    if like:
        shutil.copytree(like, home)
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
        return requests.get(f"{url}/health", timeout=60).ok
    except requests.ConnectionError:
        return False


class Api:
    """The few requests to Prefect's REST API that the tests make."""

    def __init__(self, url: str) -> None:
        self.url = url

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        # The server answers 503 when its SQLite is busy, and may cut that connection: ask again by a new one.
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = requests.request(method, f"{self.url}/{path}", timeout=PATIENCE, **options)
            if answer.status_code != requests.codes.service_unavailable or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def post(self, path: str, **body: Any) -> Any:
        return self._ask("POST", path, json=body)

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def state(self, run: str) -> Any:
        """The state of a flow run."""
        return self.get(f"flow_runs/{run}")["state"]

    def of_run(self, things: str, run: str) -> Any:
        """Task runs, artifacts or logs of a flow run."""
        if things == "logs":
            return self.post("logs/filter", logs={"flow_run_id": {"any_": [run]}})
        return self.post(f"{things}/filter", flow_runs={"id": {"any_": [run]}})
