"""A stranger at the address where the workers of a training meet: it does not hold them."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from stages.train import roll_call
from stages.train.cluster import Cluster


def test_a_stranger_that_drips_does_not_hold_the_roll_call(monkeypatch):
    monkeypatch.setattr(roll_call, "WAIT_SECONDS", 8.0)
    monkeypatch.setattr(roll_call, "MESSAGE_SECONDS", 0.4)
    monkeypatch.setattr(roll_call, "RETRY_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    addresses, stop = (f"127.0.0.1:{port}", "127.0.0.1:1"), threading.Event()

    def drip():
        while not stop.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as stranger:
                while not stop.wait(0.05):
                    stranger.sendall(b" ")
                return

    with ThreadPoolExecutor(3) as pool:
        pool.submit(drip)
        time.sleep(0.1)
        chief = pool.submit(roll_call.call_roll, Cluster(addresses, 0), json.dumps("same"))
        time.sleep(0.3)
        worker = pool.submit(roll_call.call_roll, Cluster(addresses, 1), json.dumps("same"))
        try:
            assert worker.result() is chief.result() is None
        finally:
            stop.set()
