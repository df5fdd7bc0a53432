"""`sceneparse serve` warns of a schedule that starts no run, and only then."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest
from daemons import PATIENCE
from flow_runs import check_ended_well, kill_processes, processes, wait_for
from mirror import Mirror
from prefect_server import Api, prefect_server, quiet_environment

pytestmark = pytest.mark.slow

# The command itself, a few seconds patient instead of sixty.
COMMAND = (
    "import pipeline.flow.lateness; pipeline.flow.lateness.LATE_SECONDS = 4; from pipeline.cli.main import main; main()"
)


@pytest.fixture
def mirror(tmp_path, prefect_home):
    shutil.copytree(prefect_home, tmp_path / "home")
    mirror = Mirror(
        tmp_path / "project", {**quiet_environment(tmp_path / "home"), "SCENEPARSE_TEST": str(uuid.uuid4())}
    )
    mirror.environment.pop("PREFECT_API_URL", None)
    mirror.run("dvc", "repro")
    return mirror


@contextmanager
def serving_often(mirror, *flags):
    """Run `sceneparse serve --interval 5`; yield its process, its log, and a function that waits for a logged text."""
    log = mirror.path.parent / "serve.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", COMMAND, "serve", "--interval", "5", *flags],
            cwd=mirror.path,
            env=mirror.environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )

    def hear(text):
        wait_for(lambda: text in log.read_text() or process.poll() is not None, PATIENCE, f"{text} is not said")
        assert text in log.read_text()

    try:
        yield process, log, hear
    finally:
        process.kill()
        process.wait()
        kill_processes(mirror.environment)


def mean_iou(mirror):
    """Return the mean IoU that the last run left, or None."""
    with suppress(FileNotFoundError, ValueError):
        return json.loads((mirror.path / "metrics/evaluate.json").read_text())["original"]["mean_iou"]


@pytest.mark.exhaustive
def test_a_server_that_plans_nothing_is_named_and_serve_can_be_stopped_when_it_is_gone(
    mirror, tmp_path, prefect_home, monkeypatch
):
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED", "false")
    with ExitStack() as lasting:
        server = lasting.enter_context(prefect_server(tmp_path / "other-home", prefect_home))
        mirror.environment |= server.environment
        with serving_often(mirror) as (process, _log, hear):
            hear("warning: the schedule of sceneparse/nightly starts no run: none is planned")
            hear(f"the log of the server at {server.url.removesuffix('/api')}")
            lasting.close()
            process.send_signal(signal.SIGTERM)
            hear("warning: Prefect's API does not answer, the schedule stays active there")
            assert process.wait(PATIENCE) == 0
            wait_for(lambda: not processes(mirror.environment), PATIENCE, "processes are left")


@pytest.mark.exhaustive
def test_the_own_servers_error_is_shown_and_a_run_that_waits_for_another_is_no_fault(mirror):
    with closing(sqlite3.connect(mirror.path.parent / "home/prefect.db")) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON flow_run BEGIN SELECT RAISE(ABORT, 'no room for runs'); END"
        )
        database.commit()
        with serving_often(mirror) as (process, log, hear):
            hear("warning: the schedule of sceneparse/nightly starts no run: none is planned")
            hear("no room for runs")
            assert "state/flow/server.log" in log.read_text()
            assert "\nwarning" not in log.read_text().partition("warning")[2]  # once

            mirror.set_line("evaluate", "value: 53")
            database.execute("DROP TRIGGER full")
            database.commit()
            wait_for(lambda: mean_iou(mirror) == 0.53, PATIENCE, "no run comes")

            mirror.set_line("train", "value: 50, trouble: hang")
            mirror.set_line("prepare", "value: 54")
            alive = mirror.path / "state/alive"
            wait_for(alive.exists, PATIENCE, "no run begins")
            warnings = log.read_text().count("starts no run")
            time.sleep(14)  # two runs are due meanwhile, for longer than the patience
            assert log.read_text().count("starts no run") == warnings
            os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches all that the terminal runs
            process.wait(PATIENCE)
            check_ended_well(process, mirror.environment, log)


def test_a_pause_is_told_of_unless_the_user_asked_for_it(mirror, prefect_api):
    mirror.environment |= prefect_api.environment
    api = Api(prefect_api.url)
    with serving_often(mirror, "--name", "paused-by-user", "--paused") as (_process, log, hear):
        hear("serving sceneparse/paused-by-user")
        time.sleep(8)
        assert "warning" not in log.read_text()
    with serving_often(mirror, "--name", "paused-by-other") as (_process, _log, hear):
        hear("serving sceneparse/paused-by-other")
        deployment = api.get("deployments/name/sceneparse/paused-by-other")["id"]
        api.post(f"deployments/{deployment}/pause_deployment")
        hear("warning: the schedule of sceneparse/paused-by-other starts no run: the deployment is paused")
        hear(f"resume it at {prefect_api.url.removesuffix('/api')}/deployments/deployment/{deployment}")


@pytest.mark.exhaustive
def test_a_killed_serve_does_not_keep_the_next_one_from_running(mirror):
    mirror.set_line("train", "value: 50, trouble: hang")
    with serving_often(mirror) as (process, _log, _hear):
        wait_for((mirror.path / "state/alive").exists, PATIENCE, "no run begins")
        process.kill()
        wait_for(lambda: not processes(mirror.environment), PATIENCE, "processes are left")
    mirror.set_line("train", "value: 50")
    mirror.set_line("evaluate", "value: 55")
    with serving_often(mirror):
        wait_for(lambda: mean_iou(mirror) == 0.55, PATIENCE, "no run comes")
