"""Prefect server of our own: it starts while the caller imports Prefect itself, and ends with the command.

Prefect's own temporary server would outlive a killed run; ours runs under a supervisor, like a stage. Its records are
in PREFECT_HOME as usual, so a later server shows them.
"""

import atexit
import os
import re
import socket
import sys
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import psutil

from pipeline.flow import api_process
from pipeline.repro.process import supervised
from sceneparse.core.disk_space import check_space
from sceneparse.core.errors import InputError
from sceneparse.core.locks import open_alone

PORT = 4200  # Prefect's usual port
LOG = Path("state/flow/server.log")  # output of our own server; server1.log and so on beside another command's
START_SECONDS = 300  # the first start makes the database, on a busy machine slowly
NEEDED_BYTES = 10**6  # to start: the database, and the log


class OwnServer:
    """Server that starts, and ends at the latest with this process."""

    def __init__(self) -> None:
        LOG.parent.mkdir(parents=True, exist_ok=True)
        logs = (LOG.with_stem(f"{LOG.stem}{number or ''}") for number in count())
        self._claim = next(file for log in logs if (file := open_alone(log)))
        self.log = Path(self._claim.name).resolve()
        self._start()
        # Registered before Prefect is imported, so called after Prefect has sent its last events.
        atexit.register(self.close)

    def _start(self) -> None:
        self._port = free_port()
        # -P: a workspace may hold another version of this package.
        command = [sys.executable, "-P", api_process.__file__, str(self._port)]
        with ExitStack() as held:
            block = supervised(command, cwd=Path.cwd(), environment=os.environ, output=self.log, alone=0.0)
            self._process = held.enter_context(block)
            self._held = held.pop_all()

    def close(self) -> None:
        """End the server, if it still runs."""
        self._held.close()
        self._claim.close()

    def wait(self) -> str:
        """Return the URL of the API once the server answers.

        Commands in two workspaces may start at once and choose the same port: the one that comes late chooses again.
        Raises InputError if the server does not start, TransientError if there is no space for its records.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            url = f"http://127.0.0.1:{self._port}/api"
            status = self._process.poll()
            if status is None and self._listens() and healthy(url):
                return url
            if status == api_process.PORT_TAKEN:
                self._start()
            elif status is not None:
                break
            time.sleep(0.05)
        raise _refusal(self.log)

    def _listens(self) -> bool:
        """Return whether a process below the supervisor, not another command's server, listens on the port."""
        try:
            family = psutil.Process(self._process.pid).children(recursive=True)
            connections = [each for process in family for each in process.net_connections("tcp4")]
        except psutil.Error:  # a process has just ended
            return False
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == self._port for each in connections)


def _refusal(log: Path) -> InputError:
    from prefect.settings import get_current_settings

    home = get_current_settings().home
    for place in (log, home):
        check_space(place, NEEDED_BYTES)  # the server prints nothing about a full disk: its log is there, too
    return InputError(
        "Prefect's server did not start",
        expected=f"a server within {START_SECONDS} seconds, its records in {home}",
        got=last_error(log) or "no error in its log",
        file=log,
        next_step="read that file; PREFECT_HOME can name another folder for the records",
    )


def last_error(log: Path) -> str | None:
    """Return the last exception that a log names, as `module.Error: message`."""
    lines = (line.strip() for line in log.read_text(errors="replace").splitlines())
    return next((line for line in [*lines][::-1] if re.match(r"[\w.]+(Error|Exception): ", line)), None)


def free_port() -> int:
    """Return PORT, or another free port if that is taken."""
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
    """Return whether our own API at `url` answers, without a proxy."""
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
