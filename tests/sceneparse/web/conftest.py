"""Fixtures of the page's tests: one model and one server for all."""

import re
import signal

import pytest
from small_model import save_small_model
from web_page import MAX_MB, MAX_MEGAPIXELS, NAMES, WAIT_S, running


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
