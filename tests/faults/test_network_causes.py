"""Errors of downloads name the host and the cause in plain words, and what to do without the download."""

import socket
import struct
import threading
from contextlib import contextmanager, suppress

import pytest
from datasets import demo_params
from raw_server import head, speaking

from sceneparse.core.errors import InputError
from sceneparse.fetch import receiving, transfer
from sceneparse.fetch.pinned import fetch
from sceneparse.predict.web_picture import download
from stages.download.stage import download as download_stage
from stages.weights.stage import weights

DIGEST = f"sha256:{'0' * 64}"
OBJECTS = ("Pool", "Connection(", "Error", "Errno", "retries")  # words of Python objects


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(transfer, "BACKOFF_S", 0)
    monkeypatch.setattr(transfer, "TRIES", 1)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def got(tmp_path):
    """Return a function that says what a download of an address and that of a picture got, the same text."""

    def ask(url):
        with pytest.raises(InputError) as error:
            fetch(url, tmp_path / "x", digest=DIGEST, size_bytes=None, cache=tmp_path / "cache", pin="mine.yaml")
        with pytest.raises(InputError) as of_picture:
            download(url)
        assert error.value.file == url.replace("me:secret@", "")
        assert of_picture.value.file == url
        cause = error.value.got.partition("bytes, then: ")[2] or error.value.got
        assert of_picture.value.got == cause
        assert not [word for word in OBJECTS if word in cause], cause
        return cause

    return ask


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def listening(talk):
    """Serve each connection with `talk`, then close it; the port."""

    def accept():
        with suppress(OSError):  # the socket is closed at the end
            while True:
                connection, _ = server.accept()
                with connection:
                    talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection(got, closed_port, scheme):
    assert got(f"{scheme}://me:secret@127.0.0.1:{closed_port}/x") == f"127.0.0.1:{closed_port}: connection refused"


def test_a_name_that_is_none(got):
    assert got("http://scenes.invalid/x.zip") == "scenes.invalid: host name not resolved"


def test_a_proxy_that_does_not_answer(got, closed_port, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    assert got("http://scenes.invalid/x.zip") == "scenes.invalid through the proxy: connection refused"


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ([], "connection closed without an answer"),
        ([b"220 mail.example.org ESMTP\r\n\r\n"], "the answer is not HTTP"),
        ([head(Content_Length=10), b"123"], "connection ended 7 bytes early"),
        ([head(Transfer_Encoding="chunked"), b"5\r\n12"], "connection ended early"),
        ([head("302 Found", Location="http://a..b/")], "label empty or too long"),
    ],
    ids=["nothing", "another protocol", "cut", "cut chunk", "redirect to no host"],
)
def test_answers(got, answer, cause):
    with speaking(lambda _: answer) as server:
        assert got(server.url).endswith(cause)


def test_a_server_without_tls(got):
    def hello(connection):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(hello) as port:
        assert got(f"https://127.0.0.1:{port}/") == f"127.0.0.1:{port}: no TLS connection (wrong version number)"


def test_a_reset(got):
    def reset(connection):
        connection.recv(65536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with listening(reset) as port:
        assert got(f"http://127.0.0.1:{port}/") == f"127.0.0.1:{port}: connection reset by peer"


def test_silence(got, monkeypatch):
    monkeypatch.setattr(receiving, "TIMEOUT_S", (5, 0.1))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert got(f"http://127.0.0.1:{port}/") == f"127.0.0.1:{port}: nothing received in time"


def test_stages_name_the_ways_without_a_download(tmp_path, closed_port):
    source = tmp_path / "far.yaml"
    source.write_text(f"url: http://127.0.0.1:{closed_port}/x\ndigest: {DIGEST}\n")
    params = demo_params()
    sections = {
        name: getattr(params, name).model_copy(update={"source": str(source)}) for name in ("weights", "download")
    }
    params = params.model_copy(update=sections)
    with pytest.raises(InputError) as error:
        weights(params, cache=tmp_path / "cache", backbone=tmp_path / "backbone")
    for way in ("--preset scratch", "sources/none.yaml", "weights.source", "weights.digest"):
        assert way in error.value.next_step
    with pytest.raises(InputError) as error:
        download_stage(params, cache=tmp_path / "cache", dataset=tmp_path / "x.zip")
    assert "download.source" in error.value.next_step
