"""Fixtures of the page's tests: one model and one server for all."""

import re
import signal
from urllib.parse import urlsplit

import pytest
from browser import browser_page
from small_model import save_small_model
from web_page import MAX_MB, MAX_MEGAPIXELS, NAMES, WAIT_S, began, running


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"), NAMES)


@pytest.fixture(scope="session")
def parser(model):
    from sceneparse.inference.loading import load_parser

    return load_parser(model, None)


@pytest.fixture(scope="session")
def serving(model):
    """One server for all tests; in the end Ctrl-C, which it must take for what it is."""
    with running(model, "--max-mb", str(MAX_MB), "--max-megapixels", str(MAX_MEGAPIXELS)) as serving:
        yield serving
        serving.process.send_signal(signal.SIGINT)
        _, errors = serving.process.communicate(timeout=WAIT_S)
        assert serving.process.returncode == 0
        assert "Traceback" not in errors
        assert "rror:" not in errors
        assert not re.search(r"[IWEF]0000 |absl::|oneDNN|cuInit", errors), "a line of TensorFlow's"


@pytest.fixture(scope="session")
def server(serving):
    return serving.url


@pytest.fixture(scope="module")
def desktop(server):
    """A page that has begun, what it asked for, and what went wrong in it."""
    with browser_page(1280, 800) as page:
        page.asked, page.failed = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.failed.append(str(error)))
        page.on("console", lambda message: page.failed.append(message.text) if message.type == "error" else None)
        page.goto(server)
        began(page)
        yield page
        assert page.failed == []
        assert {urlsplit(url).netloc for url in page.asked if not url.startswith("blob:")} == {urlsplit(server).netloc}


@pytest.fixture
def fresh(desktop, server):
    """The page, loaded again; it may fail to get an answer."""
    desktop.goto(server)
    began(desktop)
    yield desktop
    desktop.failed = [text for text in desktop.failed if "the server responded with a status of 4" not in text]
