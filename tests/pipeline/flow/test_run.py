"""`sceneparse run` as a process: its output, and no process left after any end."""

import os
import shutil
import signal
import subprocess
import sys
import uuid

import pytest
from daemons import PATIENCE
from flow_runs import going_on, processes, wait_for
from mirror import STAGES, Mirror
from prefect_server import Api, quiet_environment
from tiers import matrix

from sceneparse.core.errors import TRY_AGAIN
from sceneparse.core.locks import locked

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A mirror in which all stages before train have run."""
    mirror = Mirror(tmp_path_factory.mktemp("begun") / "project")
    mirror.run("dvc", "repro", "weights", "prepare")
    return mirror


@pytest.fixture
def mirror(begun, tmp_path, prefect_api):
    """A copy of that mirror whose processes carry a mark."""
    shutil.copytree(begun.path, tmp_path / "project", symlinks=True)
    environment = {**prefect_api.environment, "SCENEPARSE_TEST": str(uuid.uuid4())}
    return Mirror(tmp_path / "project", environment)


def test_a_missing_file_is_named_with_the_stage_that_reads_it(mirror):
    (mirror.path / "sources/demo.yaml").unlink()
    said = mirror.run("sceneparse", "run", "--stage", "download", expect=1)
    for line in ("error: download has nothing to read", "  file:     sources/demo.yaml", "  next:     put it back"):
        assert line in said.splitlines()


def check_left(mirror):
    """Check that no process is left, dvc.lock is whole, and the next run finishes the work."""
    wait_for(lambda: not processes(mirror.environment), PATIENCE, "processes are left")
    mirror.set_line("train", "value: 50")
    mirror.run("dvc", "status")
    said = mirror.run("sceneparse", "run")
    assert [line.split()[1] for line in said.splitlines() if line.startswith(("download  ", "train  "))] == [
        "Cached",
        "Completed",
    ]
    assert mirror.run("dvc", "status").startswith("Data and pipelines are up to date")


def stop(mirror, number):
    """Send a signal to a run in the midst of a stage, and return the run's id."""
    with going_on(mirror) as process:
        run = (mirror.path / "state/flow/running").read_text()
        process.send_signal(number)
        output, _ = process.communicate(timeout=PATIENCE)
        if number != signal.SIGKILL:
            assert process.returncode == 128 + number
            assert "stopped: run again to resume" in output
            assert "Traceback" not in output
        wait_for(lambda: not processes(mirror.environment), PATIENCE, "processes are left")
    (mirror.path / "state/alive").unlink()
    return run


TURNED = """
import os, signal, sys, time
import pipeline.flow.flow
from pipeline.flow.run import run

def flow(**_):
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        time.sleep(60)
    except BaseException:
        raise RuntimeError("generator didn't stop") from None

pipeline.flow.flow.sceneparse = flow
run(stage=None)
"""


@pytest.mark.parametrize("number", matrix([signal.SIGTERM, signal.SIGINT, signal.SIGHUP]))
def test_a_stop_that_a_library_turns_into_its_own_error_is_a_stop(mirror, number):
    said = mirror.run(sys.executable, "-P", "-c", TURNED, str(int(number)), expect=128 + number)
    assert said.endswith("stopped: run again to resume\n")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "numbers",
    [
        (signal.SIGINT, signal.SIGKILL),
        *(pytest.param((n,), marks=pytest.mark.exhaustive) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)),
    ],
)
def test_nothing_is_left_of_a_run_that_is_stopped(mirror, prefect_api, numbers):
    runs = [stop(mirror, number) for number in numbers]
    check_left(mirror)
    # The next run has reported those that could not.
    assert {Api(prefect_api.url).state(run)["type"] for run in runs} == {"CRASHED"}


def test_a_run_that_was_started_by_hand_can_be_cancelled_through_the_api(mirror, prefect_api):
    with going_on(mirror) as process:
        api = Api(prefect_api.url)
        filters = {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}, "sort": "START_TIME_DESC"}
        (run, *_) = api.post("flow_runs/filter", **filters)
        api.post(f"flow_runs/{run['id']}/set_state", state={"type": "CANCELLING"})
        output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert "cancelled: run again to resume" in output
        wait_for(lambda: not processes(mirror.environment), PATIENCE, "processes are left")
        assert api.state(run["id"])["type"] == "CANCELLED"
    check_left(mirror)


def test_without_any_server_it_just_works(tmp_path, port):
    """Whatever proxies the environment names: the command's own server is on this machine."""
    environment = {**quiet_environment(tmp_path / "home"), "SCENEPARSE_TEST": str(uuid.uuid4())}
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"} | environment
    environment |= dict.fromkeys(("HTTP_PROXY", "https_proxy"), f"http://127.0.0.1:{port}")
    environment |= {"ALL_PROXY": f"socks5://127.0.0.1:{port}", "NO_PROXY": "example.org,[::1]"}
    mirror = Mirror(tmp_path / "project", environment)
    (mirror.path / "docs").mkdir()
    done = subprocess.run(
        ["sceneparse", "run"],
        cwd=mirror.path / "docs",  # any folder of the project will do
        env=mirror.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert done.stdout.splitlines() == [*(f"{name:<12}Completed" for name in STAGES), "mean IoU 0.5000"]
    for name in STAGES:
        assert f"{name} says: value 50" in done.stderr  # the stage's own output
    assert done.stderr.startswith("starting Prefect\nPrefect: http://127.0.0.1:")
    assert done.stderr.count("refect") == 2, "else Prefect's own output"
    assert not (mirror.path / "docs/state").exists()
    wait_for(lambda: not processes(mirror.environment), PATIENCE, "its server is left")


def test_a_failure_is_told_without_a_traceback(mirror):
    mirror.set_line("download", "value: 50, trouble: fail")
    output = mirror.run("sceneparse", "run", expect=1)
    assert "error: download: dvc repro --single-item download failed" in output
    assert "Traceback" not in output
    assert mirror.run("sceneparse", "run", "--stage", "nosuch", expect=1).startswith("error: there is no such stage")
    for flag, value in (("--min-iou", "1.5"), ("--margin", "-1"), ("--overlap", "maybe")):
        assert "usage:" in mirror.run("sceneparse", "run", flag, value, expect=2)


def test_a_defect_is_told_as_one(mirror):
    mirror.environment["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"  # as run sets it before Prefect loads
    code = "import pipeline.flow.flow as flow; flow._run = None; from pipeline.cli.main import main; main()"
    said = mirror.run(sys.executable, "-P", "-c", code, "run", expect=1)
    assert "error: TypeError: 'NoneType' object is not callable\nThis is a defect: --debug shows where" in said
    assert "Traceback" not in said
    assert "in sceneparse\n" in mirror.run(sys.executable, "-P", "-c", code, "run", "--debug", expect=1)


def test_a_refused_run_can_be_tried_again(mirror):
    with locked(mirror.path / "state/flow/lock", "testing"):
        said = mirror.run("sceneparse", "run", "--overlap", "refuse", expect=TRY_AGAIN)
    assert f"process {os.getpid()} on " in said


@pytest.mark.parametrize("command", matrix([("run",), ("serve",), ("notify", "http://127.0.0.1:1/hook")]))
def test_a_server_that_is_away_is_told_of(mirror, port, command):
    mirror.environment["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    output = mirror.run("sceneparse", *command, expect=1)
    assert "error: Prefect's API does not answer" in output
    assert "Traceback" not in output
