"""The command's own Prefect server: it keeps all that a run reports, and ends with the run, however short that is."""

import signal
import socket
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing

import pytest
from daemons import PATIENCE
from flow_runs import processes, wait_for
from mirror import STAGES
from prefect_server import prefect_server
from tiers import matrix

from pipeline.flow import api_process, own_server
from pipeline.flow.own_server import OwnServer, healthy

pytestmark = pytest.mark.slow

# A service that takes its time over each message, and that ends while four of them wait.
SLOW_SERVICE = """
import asyncio
from contextlib import asynccontextmanager
from fastapi import FastAPI
from prefect.server.utilities.messaging.memory import Cache, Consumer, Publisher
from pipeline.flow.api_process import handle_messages_before_end

async def handle(message):
    await asyncio.sleep(0.1)
    print(message.data.decode())

@asynccontextmanager
async def lifespan(app):
    service = asyncio.create_task(Consumer("events", concurrency=1).run(handle))
    await asyncio.sleep(0)
    yield
    service.cancel()

async def main():
    app = FastAPI(lifespan=lifespan)
    handle_messages_before_end(app)
    async with app.router.lifespan_context(app), Publisher("events", Cache()) as publisher:
        for number in range(4):
            await publisher.publish_data(str(number).encode(), {})

asyncio.run(main())
"""


@pytest.fixture
def mirror(mirror):
    """The folder's mirror; its processes carry a mark."""
    mirror.environment["SCENEPARSE_TEST"] = str(uuid.uuid4())
    return mirror


def rows(mirror, query):
    with closing(sqlite3.connect(f"{mirror.environment['PREFECT_HOME']}/prefect.db")) as records:
        return records.execute(query).fetchall()


def check_nothing_left(mirror):
    wait_for(lambda: not processes(mirror.environment), PATIENCE, "a process is left")


def test_all_that_a_short_run_reports_is_kept(mirror):
    """A workspace may also hold another version of this package, which must not be imported."""
    for name in ("pipeline", "sceneparse", "prefect"):
        (mirror.path / f"{name}.py").write_text("raise SystemExit('the package of the workspace')")
    mirror.run("sceneparse", "run")
    check_nothing_left(mirror)
    assert rows(mirror, "SELECT state_name FROM flow_run") == [("Completed",)]
    assert sorted(rows(mirror, "SELECT name, state_name FROM task_run")) == sorted((name, "Cached") for name in STAGES)
    assert {key for (key,) in rows(mirror, "SELECT key FROM artifact")} >= {"lineage", "scores", "model"}
    logged = "\n".join(text for (text,) in rows(mirror, "SELECT message FROM log"))
    assert "Finished in state Completed" in logged
    events = [event for (event,) in rows(mirror, "SELECT event FROM events")]
    assert events.count("prefect.task-run.Cached") == len(STAGES)
    assert "prefect.flow-run.Completed" in events


def test_messages_that_wait_are_handled_before_the_end():
    done = subprocess.run([sys.executable, "-c", SLOW_SERVICE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1", "2", "3"]


def test_a_server_in_a_profile_is_used_alone(mirror, tmp_path, prefect_home):
    """The environment does not name it, so a server of our own starts and must end again."""
    with prefect_server(tmp_path / "other-home", prefect_home) as server:
        profiles = f'active = "lab"\n[profiles.lab]\nPREFECT_API_URL = "{server.url}"\n'
        (tmp_path / "home/profiles.toml").write_text(profiles)
        before = (tmp_path / "home/prefect.db").read_bytes()
        said = mirror.run("sceneparse", "run")
    assert f"Prefect: {server.url.removesuffix('/api')}\n" in said
    assert "mean IoU 0.5000" in said
    assert (tmp_path / "home/prefect.db").read_bytes() == before
    check_nothing_left(mirror)


@pytest.mark.parametrize("number", matrix([signal.SIGKILL, signal.SIGINT, signal.SIGTERM]))
@pytest.mark.parametrize("said", matrix(["starting Prefect\n", "Prefect: http://127.0.0.1:"]))
def test_nothing_is_left_of_a_run_that_is_stopped_while_its_server_starts(mirror, number, said):
    mirror.set_line("download", "value: 51, trouble: hang")
    command = ["sceneparse", "run"]
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "start_new_session": True}
    with subprocess.Popen(command, cwd=mirror.path, env=mirror.environment, text=True, **options) as process:
        while not process.stderr.readline().startswith(said):
            assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode in (-number, 128 + number)
    assert "Traceback" not in errors
    check_nothing_left(mirror)


def test_answers_are_sent_without_delay():
    """Else each request waits 40 ms for an acknowledgement: asyncio sets TCP_NODELAY for sockets of this protocol."""
    with api_process.listen(0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.proto == socket.IPPROTO_TCP


def test_who_comes_late_to_a_port_takes_another(mirror, monkeypatch):
    monkeypatch.chdir(mirror.path)
    for name, value in mirror.environment.items():
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        command = [sys.executable, "-P", api_process.__file__, str(taken)]
        assert subprocess.run(command, check=False).returncode == api_process.PORT_TAKEN
        ports = iter([taken, own_server.free_port(), taken])
        monkeypatch.setattr(own_server, "free_port", lambda: next(ports))
        server = OwnServer()
        try:
            url = server.wait()
            assert str(taken) not in url
            assert healthy(url)
            server.log.write_text("an error, early on\n")
            OwnServer().close()  # of another command in this workspace
            assert server.log.read_text().startswith("an error, early on\n")
        finally:
            server.close()
    assert not healthy(url)
    check_nothing_left(mirror)
