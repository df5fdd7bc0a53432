"""Roll call: the workers of one training meet before it starts, and compare their inputs.

TensorFlow connects its workers with the interpreter locked: while one is missing, the others can neither
be stopped nor report whom they wait for, for an hour. So they first meet here, over plain TCP on the
chief's own address. Afterwards all workers are there with the same params, records, code and
libraries, or each has raised an error that names the problem.
"""

import json
import logging
import select
import socket
import time
from contextlib import ExitStack
from typing import Any

from sceneparse.core.documents import parse_json
from sceneparse.core.errors import InputError, TransientError
from stages.train.cluster import VARIABLE, Cluster, refusal

log = logging.getLogger(__name__)

WAIT_SECONDS = 600.0  # for the last worker, counted from the start of this one
RETRY_SECONDS = 0.5
MESSAGE_SECONDS = 5.0  # for a worker's message, once it is connected


def call_roll(cluster: Cluster, fingerprint: str) -> None:
    """Return when all workers are there with the same `fingerprint`.

    Raises InputError on all of them if their fingerprints or addresses differ, and TransientError
    when one has not arrived within WAIT_SECONDS.
    """
    mine = {"index": cluster.index, "addresses": list(cluster.addresses), "fingerprint": fingerprint}
    deadline = time.monotonic() + WAIT_SECONDS
    log.info("worker %d of %d, waiting for the others", cluster.index + 1, cluster.workers)
    others = _as_chief(cluster, mine, deadline) if cluster.chief else _ask_chief(cluster, mine, deadline)
    if others:
        raise InputError(
            "workers disagree about what to train",
            expected="the same params, records, backbone, code, library versions, addresses and number of GPUs on all",
            got=f"others than the chief's on {', '.join(others)}",
            file=f"the checkout and {VARIABLE} of each worker",
            next_step="bring all to the same commit, params.yaml and records, install constraints.txt, start all again",
        )


def _as_chief(cluster: Cluster, mine: dict[str, Any], deadline: float) -> list[str]:
    """Wait for all workers, tell them which of them differ from the chief, and return those."""
    present: dict[socket.socket, dict[str, Any]] = {}
    with ExitStack() as sockets:
        server = sockets.enter_context(_listen(cluster.addresses[0]))
        while True:
            here = {0, *(card["index"] for card in present.values())}
            complete = len(here) == cluster.workers
            left = 0.0 if complete else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([server, *present], [], [], left)
            if complete and not ready:
                break
            if not ready:
                missing = [address for index, address in enumerate(cluster.addresses) if index not in here]
                raise _absent(f"no message from {', '.join(missing)} in {WAIT_SECONDS:.0f} s")
            for sender in ready:
                if sender is not server:
                    del present[sender]  # a worker sends one message only: this one has hung up
                elif connection := _accept(server):
                    sockets.enter_context(connection)
                    card = _receive(connection, time.monotonic() + MESSAGE_SECONDS)
                    if card and card.get("index") in range(1, cluster.workers):
                        present[connection] = card
        differing = sorted({card["index"] for card in present.values() if card != mine | {"index": card["index"]}})
        others = [cluster.addresses[index] for index in differing]
        try:
            for connection in present:
                _send(connection, {"others": others})
        except OSError:
            raise _absent("a worker that has just gone") from None
    return others


def _ask_chief(cluster: Cluster, mine: dict[str, Any], deadline: float) -> list[str]:
    """Report to the chief, once it is there; return the workers that differ from it."""
    host, _, port = cluster.addresses[0].rpartition(":")
    problem = "nothing"
    while (left := deadline - time.monotonic()) > 0:
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=min(left, 10)) as connection:
                _send(connection, mine)
                answer = _receive(connection, deadline)
                if answer and "others" in answer:
                    return list(answer["others"])
                problem = "a connection that it closed"
        except OSError as error:
            problem = str(error)
        time.sleep(RETRY_SECONDS)
    raise _absent(f"from the chief, {cluster.addresses[0]}, in {WAIT_SECONDS:.0f} s: {problem}")


def _listen(address: str) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    port = int(address.rpartition(":")[2])
    try:
        return socket.create_server(
            ("", port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both, backlog=128
        )
    except OSError as error:
        raise refusal(f"{error} on port {port}, the chief's") from None


def _accept(server: socket.socket) -> socket.socket | None:
    server.settimeout(1)
    try:
        return server.accept()[0]
    except OSError:  # the worker has hung up
        return None


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _receive(connection: socket.socket, deadline: float) -> dict[str, Any] | None:
    """Return one message, or None if the peer sends none or something else."""
    try:
        message = parse_json(_line(connection, deadline))
    except (OSError, ValueError):
        return None
    return message if isinstance(message, dict) else None


def _line(connection: socket.socket, deadline: float) -> bytes:
    """Return the bytes up to a newline. A timeout for each piece alone would let a peer that drips hold the others."""
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < 2**20:
        connection.settimeout(max(0.1, deadline - time.monotonic()))
        piece = connection.recv(2**16)
        if not piece or time.monotonic() > deadline:
            break
        line += piece
    return bytes(line)


def _absent(got: str) -> TransientError:
    return TransientError(
        "not all workers have arrived",
        expected=f"every worker of {VARIABLE} started, its address reachable from the others",
        got=got,
        file=VARIABLE,
        next_step="read the errors of the workers that ended, start the missing ones, and start this one again",
    )
