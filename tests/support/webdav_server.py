"""A real WebDAV server (WsgiDAV) on loopback, with one user and a password."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from daemons import daemon, free_port, listens

USER, PASSWORD = "alice", "s3cret"


@dataclass(frozen=True)
class WebdavServer:
    """Where it listens."""

    port: int

    @property
    def url(self) -> str:
        """A remote's url."""
        return f"webdav://127.0.0.1:{self.port}/storage"


@contextmanager
def webdav_server(folder: Path) -> Iterator[WebdavServer]:
    """Run a server whose files lie in `folder`, which is made."""
    server = WebdavServer(free_port())
    (folder / "files/storage").mkdir(parents=True)  # DVC makes folders in it, not the folder itself
    settings = {
        "host": "127.0.0.1",
        "port": server.port,
        "provider_mapping": {"/": str(folder / "files")},
        "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "wsgidav.server.server_cli", "--config", folder / "settings.json"]
    with daemon(command, folder / "log", lambda: listens(server.port)):
        yield server
