"""The server of `sceneparse web` by itself: what it answers, and what it must refuse."""

import base64
import io
import signal
import socket
import zlib
from urllib.parse import urlsplit

import anyio
import httpx
import numpy as np
import psutil
import pytest
import requests
from command import sceneparse
from datasets import encoded
from PIL import Image
from small_model import save_small_model
from web_page import MAX_MB, MAX_MEGAPIXELS, PHOTO, WAIT_S, running

from sceneparse.core.errors import InputError
from sceneparse.dataset.photos import decode_photo
from sceneparse.inference.loading import load_parser
from sceneparse.web.answer import Segmenter, shrunk
from sceneparse.web.app import make_app
from sceneparse.web.web import _listen

pytestmark = pytest.mark.slow


def test_a_shrunk_size():
    """Shrunk pictures keep their shape and are as large as allowed; a thin one keeps a pixel of its short side."""
    assert shrunk((2000, 1000), 2_000_000) == (2000, 1000)
    assert shrunk((2001, 1000), 2_000_000) == (2000, 999)
    assert shrunk((60_000, 1), 100) == (100, 1)


def test_what_the_server_says(server, parser):
    """The answer's numbers without the page, and none of it stays in a cache."""
    answer = requests.post(f"{server}api/segment", data=PHOTO, timeout=WAIT_S)
    assert answer.headers["Cache-Control"] == "no-store"
    content, annotation = answer.json(), parser.annotate(decode_photo(PHOTO))
    assert (content["height"], content["width"], content["picture"]) == (160, 120, None)
    values = zlib.decompress(base64.b64decode(content["values"]))
    assert np.array_equal(np.frombuffer(values, np.uint8).reshape(160, 120), annotation)
    with Image.open(io.BytesIO(base64.b64decode(content["labels"]))) as labels:
        assert np.array_equal(np.asarray(labels), annotation)
    assert sum(row["share"] for row in content["legend"]) == pytest.approx(1)
    page = requests.get(server, timeout=WAIT_S)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert not any(name.lower().startswith("access-control") for name in page.headers)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example:80"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_names_and_origins(server, headers, status):
    """DNS rebinding, and pages of other sites."""
    answer = requests.get(f"{server}api/model", headers=headers, timeout=WAIT_S)
    assert answer.status_code == status
    assert ("error" in answer.json()) == (status == 403)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "absent", 404), ("PUT", "api/segment", 405)])
def test_what_is_not_there_is_told_as_all_errors_are(server, method, path, status):
    answer = requests.request(method, f"{server}{path}", timeout=WAIT_S)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert requests.head(server, timeout=WAIT_S).status_code == 200


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_is_not_held_beyond_its_limit(serving, announced):
    """A hundred times the limit leaves no trace in the server's memory, and its sender hears why it was in vain."""
    memory = psutil.Process(serving.process.pid).memory_info
    before, piece = memory().rss, bytes(MAX_MB * 10**6)
    body = piece * 100 if announced else (piece for _ in range(100))
    answer = requests.post(f"{serving.url}api/segment", data=body, timeout=WAIT_S)
    assert answer.status_code == 413
    assert answer.json() == {"error": "the file is larger than 1 MB, the most that is taken here"}
    assert memory().rss - before < 30e6


def test_a_taken_port_and_an_open_address(model):
    """One is refused with a way out, the other warned of."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = sceneparse("web", "--port", taken.getsockname()[1], cwd=model.parent)
    assert done.returncode == 1
    assert "--port 0" in done.stderr
    assert "Traceback" not in done.stderr
    with running(model, "--host", "0.0.0.0") as server:  # noqa: S104 - the warning about it is what is tested
        assert urlsplit(server.url).hostname == "localhost"
        assert requests.get(f"{server.url}api/model", timeout=WAIT_S).status_code == 200
        server.process.send_signal(signal.SIGINT)
        assert "warning: whoever reaches this machine" in server.process.communicate(timeout=WAIT_S)[1]
        assert server.process.returncode == 0


def test_a_picture_too_thin_for_the_network_is_refused(tmp_path):
    """Mode crop would make 16 million pixels of a kilobyte that is far below the limits of files."""
    segmenter = Segmenter(load_parser(save_small_model(tmp_path, mode="crop")), "small", MAX_MEGAPIXELS)
    transport = httpx.ASGITransport(make_app(segmenter, MAX_MB, ()))

    async def answers():
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            pictures = (encoded(Image.new("RGB", (20_000, 5)), "PNG"), PHOTO)
            return [await client.post("/api/segment", content=picture) for picture in pictures]

    thin, photo = anyio.run(answers)
    assert (thin.status_code, photo.status_code) == (413, 200)
    assert thin.json()["error"].startswith("20000 x 5 pixels become 256000 x 64 by mode crop")


def test_a_port_is_taken_before_the_model_is_loaded():
    """Two commands that start within seconds: the second is refused while the first still loads."""
    with _listen("127.0.0.1", 0) as first, pytest.raises(InputError) as refused:
        _listen("127.0.0.1", first.getsockname()[1])
    assert "--port 0" in refused.value.next_step


def test_a_host_name_with_capitals_is_its_own_name_in_any_case():
    transport = httpx.ASGITransport(make_app(None, 1, {"DESKTOP-AB12"}))

    async def statuses():
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            hosts = ("desktop-ab12:8765", "DESKTOP-AB12", "DESKTOP-AB13")
            return [(await client.head("/", headers={"Host": host})).status_code for host in hosts]

    assert anyio.run(statuses) == [200, 200, 403]
