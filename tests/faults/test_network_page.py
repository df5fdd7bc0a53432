"""Clients that stall, on real sockets, and a good one that gets its answer from `sceneparse web` meanwhile."""

import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest
import requests
from small_model import save_small_model
from web_page import PHOTO, WAIT_S, running

from sceneparse.core import least_rate
from sceneparse.web import connections, uploads
from sceneparse.web.app import make_app

WINDOW, PATIENCE, MAX_MB = 0.5, 0.2, 1
HEAD = b"POST /api/segment HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000\r\n\r\n"


class Segmenter:
    """Stand-in for a model: its answer is as long as `size`, and takes `seconds`."""

    name, max_megapixels = "none", 1
    size, seconds = 10, 0.0

    def classes(self):
        return []

    def answer(self, content, confidence):
        time.sleep(self.seconds)
        return {"bytes": len(content), "padding": "x" * self.size}


@pytest.fixture
def segmenter():
    return Segmenter()


@pytest.fixture
def page(segmenter, monkeypatch):
    """The server, in a thread of this process, with windows of less than a second."""
    monkeypatch.setattr(least_rate, "WINDOW_S", WINDOW)
    monkeypatch.setattr(connections, "PATIENCE_S", PATIENCE)
    monkeypatch.setattr(uploads, "PATIENCE_S", PATIENCE)
    monkeypatch.setattr(connections, "MOST", 20)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = connections.make_server(make_app(segmenter, MAX_MB, set()))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        server.place = listening.getsockname()
        server.url = f"http://127.0.0.1:{server.place[1]}/api/segment"
        yield server
        server.should_exit = True
        thread.join(WAIT_S)


@contextmanager
def clients(place, count, words):
    """Connections that have sent `words` and nothing since."""
    with ExitStack() as held:
        yield [held.enter_context(connected(place, words)) for _ in range(count)]


def connected(place, words):
    client = socket.create_connection(place)
    client.sendall(words)
    return client


def post(page, content=b"picture"):
    return requests.post(page.url, data=content, timeout=WAIT_S)


def ended(client):
    """Whether the server ends the connection within the window, and then some for a busy machine."""
    client.settimeout(WINDOW + 10)
    with suppress(ConnectionError):
        while client.recv(65536):
            pass
    return True


@pytest.mark.parametrize("sent", [b"", bytes(2999)], ids=["nothing", "nearly all, at once"])
def test_stalled_uploads_make_room(page, monkeypatch, sent):
    """Eight of them kept everyone out for ever; now a picture takes the place of one."""
    monkeypatch.setattr(least_rate, "WINDOW_S", 6 * WINDOW)  # a busy machine is late with its pictures
    with clients(page.place, uploads.MOST, HEAD + sent) as stalled:
        time.sleep(2 * PATIENCE)
        for _ in range(3):
            answer = post(page)
            assert (answer.status_code, answer.json()["bytes"]) == (200, len(b"picture"))
        assert sum(b"408" in peeked(client) for client in stalled) == 1, "each good one leaves a place"
        assert all(map(ended, stalled))


def peeked(client):
    client.setblocking(False)
    with suppress(BlockingIOError):
        return client.recv(20, socket.MSG_PEEK)
    return b""


def test_dripping_uploads_make_room(page):
    """A byte now and then is as good as none."""
    stop = threading.Event()

    def drip(client):
        with suppress(OSError):
            while not stop.wait(0.02):
                client.sendall(b"x")

    with clients(page.place, uploads.MOST, HEAD) as drippers:
        threads = [threading.Thread(target=drip, args=(client,)) for client in drippers]
        for thread in threads:
            thread.start()
        time.sleep(2 * PATIENCE)
        assert post(page).status_code == 200
        assert all(map(ended, drippers))
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
def test_slow_but_honest_uploads_keep_their_places(page):
    """At a few kilobytes a second they get their answers, and a ninth gets 503."""
    body = bytes(3000)
    with clients(page.place, uploads.MOST, HEAD) as honest:
        statuses = []
        for start in range(0, len(body), 60):
            for client in honest:
                client.sendall(body[start : start + 60])
            time.sleep(0.02)
            if start == 1500:
                statuses.append(post(page).status_code)
        assert statuses == [503]
        for client in honest:
            client.settimeout(WAIT_S)
            assert b"200 OK" in client.recv(1000)


@pytest.mark.parametrize("words", [b"", b"GET / HT", HEAD[:-2], HEAD, HEAD + bytes(100)])
def test_a_connection_that_sends_no_more_is_ended(page, words):
    with connected(page.place, words) as client:
        began = time.monotonic()
        assert ended(client)
        assert time.monotonic() - began < WINDOW + 5
    assert post(page).status_code == 200


def test_headers_byte_by_byte_are_ended(page):
    with connected(page.place, b"") as client, suppress(ConnectionError):
        began = time.monotonic()
        for byte in (b"GET / HTTP/1.1\r\nX: " + bytes(9999)).replace(b"\0", b"x"):
            client.sendall(bytes([byte]))
            time.sleep(0.01)
            assert time.monotonic() - began < WINDOW + 10


def test_an_answer_that_nobody_takes_is_dropped(page, segmenter):
    segmenter.size = 20_000_000
    with connected(page.place, HEAD + bytes(3000)) as client:
        wait_for(lambda: page.server_state.connections)
        wait_for(lambda: not page.server_state.connections)
        assert client.fileno() > 0


@pytest.mark.slow
def test_an_answer_that_is_taken_slowly_arrives(page, segmenter):
    """For many windows, and for more than one between the moments at which the kernel takes more of the answer."""
    segmenter.size = 5_000_000
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.connect(page.place)
        client.sendall(HEAD + bytes(3000))
        client.settimeout(WAIT_S)
        began, taken = time.monotonic(), 0
        while taken < segmenter.size:
            piece = client.recv(20_000)
            assert piece, f"it ended at byte {taken}"
            taken += len(piece)
            time.sleep(0.02)
        assert time.monotonic() - began > 2 * WINDOW


def test_work_of_any_length_is_waited_for(page, segmenter):
    """A client whose picture is segmented owes nothing."""
    segmenter.seconds = 1.5 * WINDOW
    assert post(page).status_code == 200


def test_idle_connections_make_room(page):
    with clients(page.place, 60, b""):
        wait_for(lambda: len(page.server_state.connections) <= connections.MOST)
        time.sleep(2 * PATIENCE)
        with clients(page.place, connections.MOST, b""):
            time.sleep(2 * PATIENCE)
            assert post(page).status_code == 200
            assert len(page.server_state.connections) <= connections.MOST


def test_a_refused_body_without_end_is_ended(page):
    """Its sender hears why, and has a window to stop."""
    words = HEAD.replace(b"3000", b"9" * 15)
    with connected(page.place, words) as client:
        client.settimeout(WAIT_S)
        with suppress(ConnectionError):
            began = time.monotonic()
            while time.monotonic() - began < WINDOW + 10:
                client.sendall(bytes(100_000))
            pytest.fail("it could go on")
    assert post(page).status_code == 200


def wait_for(condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.exhaustive
def test_the_command_answers_while_others_stall(tmp_path):
    """The real model and the real windows: stalled uploads, half headers, and more connections than it keeps."""
    with running(save_small_model(tmp_path)) as server:
        place = urlsplit(server.url).hostname, urlsplit(server.url).port
        with clients(place, uploads.MOST, HEAD + b"x"), clients(place, 2 * connections.MOST, b"GET / H"):
            deadline = time.monotonic() + WAIT_S
            while (answer := attempt(server.url)) is None:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert answer.json()["height"] == 160


def attempt(url):
    """The answer to a photo, or None while the server refuses it."""
    try:
        answer = requests.post(f"{url}api/segment", data=PHOTO, timeout=WAIT_S)
    except requests.ConnectionError:
        return None
    return answer if answer.status_code == 200 else None
