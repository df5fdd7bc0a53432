"""The Prefect API that runs report to: the configured one, or a server of our own that ends with the command.

Prefect's own temporary server would outlive a killed run; ours runs under a supervisor, like a stage. Its records are
in PREFECT_HOME as usual, so a later server shows them.
"""

import atexit
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.repro.process import supervised
from sceneparse.core.disk_space import check_space
from sceneparse.core.errors import InputError

PORT = 4200  # Prefect's usual port
LOG = Path("state/flow/server.log")  # output of our own server
START_SECONDS = 300  # the first start makes the database, on a busy machine slowly
NEEDED_BYTES = 10**6  # to start: the database, and the log
OWN_SERVER = "then the command starts its own server"


@dataclass(frozen=True)
class PrefectApi:
    """The API in use: its URL, and the log of its server if that is our own."""

    url: str
    log: Path | None

    @property
    def page(self) -> str:
        """Address of Prefect's pages."""
        return self.url.removesuffix("/").removesuffix("/api")


def use_prefect_api() -> PrefectApi:
    """Return the API for this process and its children; start a server if none is configured.

    Raises InputError if the configured API does not answer, or refuses this user; TransientError if our own server has
    no space for its records.
    """
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    configured = get_current_settings().api.url
    if configured:
        _check(str(configured))
        return PrefectApi(str(configured), None)
    url, held = _start()
    atexit.register(held.close)  # registered early, so called late: after Prefect has sent its last events
    os.environ["PREFECT_API_URL"] = url
    refresh_global_settings_context()  # temporary_settings would not reach threads
    return PrefectApi(url, LOG.resolve())


def _start() -> tuple[str, ExitStack]:
    """Start our own server; return its URL, and what ends it when closed.

    Commands in two workspaces may start at once and choose the same port: the one that comes late chooses again.
    """
    from prefect.settings import get_current_settings

    deadline = time.monotonic() + START_SECONDS
    while True:
        port = free_port()
        url = f"http://127.0.0.1:{port}/api"
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        environment = {**os.environ, "PREFECT_API_URL": url, "PREFECT_SERVER_UI_API_URL": url}
        with ExitStack() as held:
            server = held.enter_context(supervised(command, cwd=Path.cwd(), environment=environment, output=LOG))
            while server.poll() is None and time.monotonic() < deadline:
                if _listens(server.pid, port) and healthy(url):
                    return url, held.pop_all()
                time.sleep(0.1)
            for place in (LOG.resolve(), get_current_settings().home):
                check_space(place, NEEDED_BYTES)  # the server prints nothing about a full disk: its log is there, too
            ended = server.poll() is not None and time.monotonic() < deadline
            if ended and not (_bind(port) and last_error(LOG)):
                continue  # another's server was sooner, and may have ended since: then ours said nothing
            raise InputError(
                "Prefect's server did not start",
                expected=f"a server within {START_SECONDS} seconds, its records in {get_current_settings().home}",
                got=last_error(LOG) or "no error in its log",
                file=LOG.resolve(),
                next_step="read that file; PREFECT_HOME can name another folder for the records",
            )


def _listens(supervisor: int, port: int) -> bool:
    """Return whether a process below the supervisor, not another command's server, listens on `port`."""
    try:
        family = psutil.Process(supervisor).children(recursive=True)
        connections = [each for process in family for each in process.net_connections("tcp4")]
    except psutil.Error:  # a process has just ended
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)


def _check(url: str) -> None:
    """Raise InputError unless Prefect's API answers this user at `url`."""
    import httpx
    from prefect.client.orchestration import get_client

    try:
        with api_reached(), get_client(sync_client=True) as client:
            client.read_flows(limit=1)
    except (httpx.HTTPStatusError, httpx.InvalidURL, ValueError) as error:  # ValueError: no JSON, or another API's
        raise InputError(
            "this is not Prefect's API",
            expected="the address of a Prefect API, as in http://127.0.0.1:4200/api",
            got=str(error).splitlines()[0],
            file=f"PREFECT_API_URL={url}",
            next_step=f"fix the address, or unset it: {OWN_SERVER}",
        ) from None


@contextmanager
def api_reached() -> Iterator[None]:
    """Turn Prefect's error into InputError when a configured API does not answer, or asks for a login."""
    import httpx

    try:
        yield
    except (RuntimeError, httpx.HTTPStatusError, httpx.TransportError) as error:
        where = os.environ.get("PREFECT_API_URL", "prefect config view")
        if isinstance(error, httpx.HTTPStatusError):
            if error.response.status_code not in (401, 403):
                raise
            raise InputError(
                "Prefect's API asks for a login",
                expected="credentials for that server: user:password, or the API key of Prefect Cloud",
                got=f"HTTP {error.response.status_code} {error.response.reason_phrase}",
                file=where,
                next_step="set PREFECT_API_AUTH_STRING or PREFECT_API_KEY; for Prefect Cloud: prefect cloud login",
            ) from None
        if isinstance(error, RuntimeError) and not str(error).startswith("Failed to reach API"):
            raise
        raise InputError(
            "Prefect's API does not answer",
            expected="the server that PREFECT_API_URL or the active Prefect profile names",
            got=str(error) or type(error).__name__,
            file=where,
            next_step=f"start it (prefect server start), fix the address, or unset it: {OWN_SERVER}",
        ) from None


def last_error(log: Path) -> str | None:
    """Return the last exception that a log names, as `module.Error: message`."""
    lines = (line.strip() for line in log.read_text(errors="replace").splitlines())
    return next((line for line in [*lines][::-1] if re.match(r"[\w.]+(Error|Exception): ", line)), None)


def free_port() -> int:
    """Return PORT, or another free port if that is taken."""
    for port in (PORT, 0):
        if free := _bind(port):
            return free
    raise RuntimeError("no free port on 127.0.0.1")


def _bind(port: int) -> int | None:
    """Bind `port` of 127.0.0.1 for a moment, 0 for any; return the bound port, or None if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ended connections linger on a port
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def healthy(url: str) -> bool:
    """Return whether our own API at `url` answers, without a proxy."""
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
