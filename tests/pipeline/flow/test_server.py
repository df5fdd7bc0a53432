"""Prefect's API in each condition: our own behind any proxies, one that asks for a login, none."""

import http.server
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from daemons import PATIENCE
from flow_runs import wait_for
from mirror import Mirror
from prefect_server import prefect_server
from servers import proxying

pytestmark = pytest.mark.slow


@pytest.mark.exhaustive
def test_the_own_server_is_asked_without_a_proxy(mirror):
    with proxying(b"a page of the proxy") as proxy:
        mirror.environment |= {
            "HTTP_PROXY": proxy.url,
            "https_proxy": proxy.url,
            "NO_PROXY": "example.org,[::1]",
        }
        assert "mean IoU 0.5000" in mirror.run("sceneparse", "run")
        assert proxy.asked == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("scheme", ["socks5", "socks"])
def test_nor_through_socks(mirror, port, scheme):
    mirror.environment |= {"ALL_PROXY" if scheme == "socks5" else "all_proxy": f"{scheme}://127.0.0.1:{port}"}
    assert "mean IoU 0.5000" in mirror.run("sceneparse", "run")


def test_another_servers_pages_come_through_the_proxy(mirror):
    with proxying(b"a page of the proxy") as proxy:
        mirror.environment |= {"HTTP_PROXY": proxy.url, "PREFECT_API_URL": "http://prefect.example/api"}
        assert "error: this is not Prefect's API" in mirror.run("sceneparse", "run", expect=1)
        assert proxy.asked
        assert all(url.startswith("http://prefect.example/api/") for url in proxy.asked)


COMMANDS = (["run"], ["serve"], ["notify", "http://127.0.0.1:1/hook"])


@pytest.mark.exhaustive
def test_a_server_that_wants_a_login_is_told_of(mirror, tmp_path, prefect_home, monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "admin:secret")
    with prefect_server(tmp_path / "other-home", prefect_home) as server:
        mirror.environment["PREFECT_API_URL"] = server.url
        for extra in ({}, {"PREFECT_API_AUTH_STRING": "admin:wrong", "PREFECT_API_KEY": "pnu_wrong"}):
            mirror.environment |= extra
            said = mirror.run("sceneparse", "run", expect=1)
            assert said.startswith("starting Prefect\nerror: Prefect's API asks for a login"), said
            assert "HTTP 401 Unauthorized" in said
            assert "set PREFECT_API_AUTH_STRING or PREFECT_API_KEY" in said
            assert "secret" not in said
            assert "wrong" not in said
        mirror.environment.pop("PREFECT_API_KEY")
        mirror.environment["PREFECT_API_AUTH_STRING"] = "admin:secret"
        assert "mean IoU 0.5000" in mirror.run("sceneparse", "run")


@contextmanager
def web_page():
    """A web server that is not Prefect's."""
    handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_is_not_prefects_api_is_told_of(mirror, prefect_api):
    with web_page() as url:
        for command, address in (("run", f"{url}/api"), ("serve", prefect_api.url.removesuffix("/api"))):
            mirror.environment["PREFECT_API_URL"] = address
            said = mirror.run("sceneparse", command, expect=1)
            assert said.startswith("starting Prefect\nerror: this is not Prefect's API"), said
            assert address in said


@pytest.mark.exhaustive
def test_two_workspaces_at_once_have_a_server_each(mirror, built, tmp_path, prefect_home):
    shutil.copytree(prefect_home, tmp_path / "other-home")
    shutil.copytree(built.path, tmp_path / "other", symlinks=True)
    other = Mirror(tmp_path / "other", {**mirror.environment, "PREFECT_HOME": str(tmp_path / "other-home")})
    with ThreadPoolExecutor() as pool:
        for said in pool.map(lambda each: each.run("sceneparse", "run"), (mirror, other)):
            assert "mean IoU 0.5000" in said
    for home in ("home", "other-home"):
        with closing(sqlite3.connect(tmp_path / home / "prefect.db")) as records:
            assert records.execute("SELECT state_type FROM flow_run").fetchall() == [("COMPLETED",)]


@pytest.mark.exhaustive
def test_where_the_usual_folder_cannot_be_written_the_workspace_has_the_records(mirror, tmp_path):
    (tmp_path / ".prefect").write_text("a file, where a folder is to be made")
    mirror.environment["HOME"] = str(tmp_path)
    del mirror.environment["PREFECT_HOME"]
    said = mirror.run("sceneparse", "run")
    assert f"note: {tmp_path}/.prefect cannot be written" in said
    assert "mean IoU 0.5000" in said
    assert (mirror.path / "state/flow/prefect/prefect.db").is_file()
    assert mirror.run("git", "status", "--porcelain", "--", "state") == ""

    said = mirror.run("sh", "-c", "mkdir docs && cd docs && sceneparse notify http://127.0.0.1:1/hook")
    assert f"with its records in {mirror.path}/state/flow/prefect" in said
    assert list((mirror.path / "docs").iterdir()) == []

    mirror.environment["PREFECT_HOME"] = str(tmp_path / ".prefect")
    for command in COMMANDS:
        said = mirror.run("sceneparse", *command, expect=1)
        assert said.startswith("error: Prefect's records cannot be written"), said
        assert f"PREFECT_HOME={tmp_path}/.prefect" in said


def test_an_own_server_that_does_not_start_shows_its_error(mirror, tmp_path):
    (tmp_path / "home/prefect.db").write_text("this is no database, and never was one\n" * 100)
    said = mirror.run("sceneparse", "run", expect=1)
    assert said.startswith("starting Prefect\nerror: Prefect's server did not start"), said
    assert "file is not a database" in said
    assert "defect" not in said


@pytest.mark.exhaustive
def test_a_message_is_sent_by_the_own_server_of_a_later_run(mirror, webhook):
    said = mirror.run("sceneparse", "notify", f"http://127.0.0.1:{webhook.server_port}/hook")
    assert f"with its records in {mirror.environment['PREFECT_HOME']}" in said
    assert "127.0.0.1:4200" not in said
    mirror.run("sceneparse", "run", "--min-iou", "0.99", expect=1)
    wait_for(lambda: webhook.received, PATIENCE, "no message")
    assert "sceneparse: BelowGate" in webhook.received[0]
