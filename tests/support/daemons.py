"""Servers on loopback as processes of the tests: started, waited for, and ended by their pid."""

import os
import select
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

# Debian keeps servers where the PATH of a plain user does not look.
SEARCHED = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin"
PATIENCE = 600.0  # seconds: a limit for what hangs, far above what a loaded machine needs


def find_programs(packages: dict[str, str], *, required: bool) -> dict[str, str]:
    """Paths of the programs that `packages` names, each with its Debian package.

    Where one is missing the test fails if it is `required`, and is skipped otherwise; both name the packages.
    """
    paths = {program: shutil.which(program, path=SEARCHED) for program in packages}
    missing = sorted({packages[program] for program, path in paths.items() if path is None})
    if missing:
        (pytest.fail if required else pytest.skip)(f"not installed: apt-get install {' '.join(missing)}")
    return {program: path for program, path in paths.items() if path}


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def daemon(
    command: Sequence[str | Path], log: Path, ready: Callable[[], bool], environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in the foreground of its own, from when it is `ready` until the block or this process ends."""
    # A process of pytest-xdist is killed on Ctrl-C, and does not come to the end of the block.
    if shutil.which("setpriv"):  # on Linux
        command = ["setpriv", "--pdeathsig", "KILL", *command]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=log.parent
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            said = log.read_text(errors="replace")[-3000:]
            assert process.poll() is None, f"{command} ended with {process.returncode}:\n{said}"
            assert time.monotonic() < deadline, f"{command} is not ready:\n{said}"
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE)


@contextmanager
def falling_silent(port: int, after: int) -> Iterator[tuple[int, threading.Event]]:
    """A way to `port` for one connection, which passes nothing on once `after` bytes came from the client.

    Gives the port to connect to and an event that tells when that is so. The block's end cuts the connection.
    """
    silent, over = threading.Event(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE)

    def pass_on() -> None:
        client, _ = listener.accept()
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            other, left = {client: server, server: client}, after
            for end in other:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or every small packet waits 40 ms
            while left > 0:
                for source in select.select(other, (), ())[0]:
                    data = source.recv(1 << 14)
                    if not data:
                        return
                    other[source].sendall(data)
                    left -= len(data) if source is client else 0
            silent.set()
            over.wait()

    thread = threading.Thread(target=pass_on)
    thread.start()
    try:
        yield listener.getsockname()[1], silent
    finally:
        over.set()
        thread.join()
        listener.close()
