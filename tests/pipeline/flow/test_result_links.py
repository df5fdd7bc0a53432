"""Links to results: the server behind them has the report and the models, for this machine, and nothing else."""

import os
import shutil
import socket
from pathlib import Path

import pytest
import requests

from pipeline.flow.result_links import VARIABLE, result_link, serving_results

ROOT = Path(__file__).parents[3]
REPORT, MODEL = Path("report/index.html"), Path("models/my model#1.keras")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    root = tmp_path / "project"
    for path, content in ((REPORT, "<p>report"), (MODEL, "weights"), (Path("params.yaml"), "secret")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    shutil.copy(ROOT / "dvc.yaml", root)
    return root


def raw(address, request):
    """Send bytes as they are: a library would tidy the path."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(request.encode() + b"\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


def test_links_open_while_it_serves_and_name_files_without_it(project):
    assert result_link(project, MODEL) == (project / MODEL).as_uri()
    with serving_results(project):
        for path in (REPORT, MODEL):
            answer = requests.get(result_link(project, path), timeout=60)
            assert answer.content == (project / path).read_bytes()
        assert requests.get(os.environ[VARIABLE] + "/report/", timeout=60).text == "<p>report"
        shutil.rmtree(project / "report")  # as a stage does
        assert requests.get(result_link(project, REPORT), timeout=60).status_code == 404
        address = os.environ[VARIABLE]
    assert VARIABLE not in os.environ
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=60)


OUTSIDE = [
    *("/", "/models", "/models/", "/params.yaml", "/dvc.yaml", "/report/../params.yaml", "/models/..%2fparams.yaml"),
    *("/report/%2e%2e/params.yaml", "/report//etc/passwd", "/report/..\\params.yaml", "/models/link"),
    *("/report/%00", "/report/" + "x" * 5000, "/models/folder/params.yaml"),
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_else_is_served(project, path):
    (project / "models/link").symlink_to(project / "params.yaml")
    (project / "models/folder").symlink_to(project)
    with serving_results(project):
        answer = raw(os.environ[VARIABLE], f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1")
    assert answer.partition("\r\n")[0].split()[1] in ("404", "307", "400"), answer
    assert "secret" not in answer
    assert "my model" not in answer


def test_it_is_read_only_and_answers_to_its_own_names(project):
    with serving_results(project):
        address = os.environ[VARIABLE]
        for method in ("PUT", "POST", "DELETE"):
            assert requests.request(method, result_link(project, REPORT), timeout=60).status_code == 405
        answer = requests.get(result_link(project, REPORT), headers={"Host": "rebound.example"}, timeout=60)
        assert (answer.status_code, "report" in answer.text) == (400, False)
        _, _, port = address.rpartition(":")
        others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
        for other in others - {"127.0.0.1"}:
            with socket.socket() as probe:
                probe.settimeout(5)
                assert probe.connect_ex((other, int(port))) != 0, f"it listens at {other}"
    assert (project / REPORT).read_text() == "<p>report"


def test_a_second_one_gets_another_port_and_a_configured_address_stays(project, monkeypatch):
    with serving_results(project):
        first = os.environ.pop(VARIABLE)
        with serving_results(project):
            assert os.environ[VARIABLE] != first
        monkeypatch.setenv(VARIABLE, first)
    monkeypatch.setenv(VARIABLE, "https://results.example/scenes/")
    with serving_results(project):
        assert result_link(project, MODEL) == "https://results.example/scenes/models/my%20model%231.keras"
