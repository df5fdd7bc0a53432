"""A real OpenSSH server on loopback, run by whoever runs the tests, with keys and settings of its own."""

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from daemons import daemon, find_programs, free_port, listens

PROGRAMS = {"sshd": "openssh-server", "ssh-keygen": "openssh-client"}
PRIVILEGE_SEPARATION = Path("/run/sshd")  # compiled into Debian's sshd, which as root refuses to start without it

SETTINGS = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""
# What docs/remotes.md grants: files, and the way through the server to itself by which its host key is checked.
RIGHTS = 'restrict,port-forwarding,permitopen="127.0.0.1:{port}",command="{command}"'
COMMANDS = {"writer": "internal-sftp", "reader": "internal-sftp -R"}
# What docs/remotes.md puts into ~/.ssh/config. DVC's url names `storage`.
CLIENT = """\
Host storage
    HostName 127.0.0.1
    Port {port}
    ProxyJump {user}@127.0.0.1:{port}
    IdentityAgent none

Host storage 127.0.0.1
    User {user}
    IdentityFile {key}
"""


@dataclass(frozen=True)
class SshServer:
    """Where it listens, and the folder of its files, the private keys `writer` and `reader` among them."""

    folder: Path
    port: int

    def url(self, path: Path, port: int | None = None) -> str:
        """A remote's url that leads straight to the server, or by another port."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{port or self.port}{path}"

    def client(self, home: Path, key: str = "writer", host_key: Path | None = None) -> dict[str, str]:
        """Environment of a user with this key, whose known_hosts says what the server's host key is."""
        folder = home / ".ssh"
        folder.mkdir(parents=True)
        settings = CLIENT.format(port=self.port, user=getpass.getuser(), key=self.folder / key)
        (folder / "config").write_text(settings)
        if host_key:
            kind, key, *_ = host_key.with_suffix(".pub").read_text().split()
            (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        return {"HOME": str(home), "SSH_AUTH_SOCK": ""}


def new_key(path: Path) -> Path:
    """An SSH key without passphrase at `path`, its public half at `path`.pub."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)
    return path


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Run an OpenSSH server whose files lie in `folder`, which is made. Skipped where it is missing, except in CI."""
    sshd = find_programs(PROGRAMS, required="CI" in os.environ)["sshd"]
    folder.mkdir()
    server = SshServer(folder, free_port())
    new_key(folder / "host")
    with (folder / "authorized_keys").open("w") as allowed:
        for key, command in COMMANDS.items():
            public = new_key(folder / key).with_suffix(".pub").read_text()
            allowed.write(f"{RIGHTS.format(port=server.port, command=command)} {public}")
    (folder / "sshd_config").write_text(SETTINGS.format(port=server.port, folder=folder))
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    command = [sshd, "-D", "-e", "-f", folder / "sshd_config"]
    with daemon(command, folder / "log", lambda: listens(server.port)):
        yield server
