"""The flow served to a real Prefect server: scheduled, started and cancelled through its API, shown in its UI."""

import asyncio
import json
import re
import shutil
import signal
import subprocess
import time
import uuid
from contextlib import contextmanager

import pytest
import requests
from browser import browser_page
from daemons import PATIENCE
from flow_runs import (
    check_ended_well,
    command_line,
    going_on,
    kill_processes,
    local_times,
    processes,
    scheduled_runs,
    wait_for,
)
from mirror import STAGES, Mirror
from prefect_server import Api

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def api(prefect_api):
    return Api(prefect_api.url)


@pytest.fixture(scope="module")
def mirror(tmp_path_factory, prefect_api):
    environment = {**prefect_api.environment, "SCENEPARSE_TEST": str(uuid.uuid4())}
    mirror = Mirror(tmp_path_factory.mktemp("served") / "project", environment)
    mirror.run("dvc", "repro")
    return mirror


@contextmanager
def served(mirror, api, name, *flags):
    """Run `sceneparse serve` and yield its deployment; SIGTERM then leaves only a paused schedule."""
    log, environment = mirror.path.parent / f"{name}.log", {**mirror.environment, "SCENEPARSE_TEST": str(uuid.uuid4())}
    with log.open("w") as file:
        process = subprocess.Popen(
            ["sceneparse", "serve", "--name", name, *flags],
            cwd=mirror.path,
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    deployments = []

    def ready():
        assert process.poll() is None, log.read_text()
        deployments[:] = api.post("deployments/filter", deployments={"name": {"any_": [name]}})
        return bool(deployments) and "serving" in log.read_text()

    try:
        wait_for(ready, PATIENCE, "no deployment")
        yield {**deployments[0], "environment": environment}
        process.send_signal(signal.SIGTERM)
        check_ended_well(process, environment, log)
        assert api.get(f"deployments/{deployments[0]['id']}")["paused"]
    finally:
        process.kill()
        process.wait()
        kill_processes(environment)


@pytest.fixture(scope="module")
def nightly(mirror, api):
    with served(
        mirror, api, "every-night", "--cron", "0 3 * * *", "--timezone", "Europe/Zurich", "--overlap", "refuse"
    ) as deployment:
        yield deployment


def start(api, deployment, **parameters):
    """Start a run through the API, and return its id."""
    body = {"state": {"type": "SCHEDULED"}, "parameters": {**deployment["parameters"], **parameters}}
    return api.post(f"deployments/{deployment['id']}/create_flow_run", **body)["id"]


def finish(api, run):
    """Wait for a run's end, and return its state."""
    final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    wait_for(lambda: api.state(run)["type"] in final, PATIENCE, "the run does not end")
    return api.state(run)


def test_the_schedule_plans_runs_at_the_time_asked_for(api, nightly):
    assert {time.isoformat() for time in local_times(api, nightly, "Europe/Zurich")} == {"03:00:00"}


def test_a_schedule_whose_next_run_is_to_come_is_no_trouble(api, nightly):
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from pipeline.flow.lateness import _trouble

    async def ask():
        async with get_client() as client:
            return await _trouble(client, uuid.UUID(nightly["id"]), False)

    wait_for(lambda: scheduled_runs(api, nightly, "SCHEDULED"), PATIENCE, "no run is planned")
    with temporary_settings({PREFECT_API_URL: api.url}):
        assert asyncio.run(ask()) == ""


def test_an_interval_starts_runs_once_it_is_not_paused(mirror, api):
    mirror.set_line("evaluate", "value: 52")
    with served(mirror, api, "often", "--interval", "5", "--paused", "--min-iou", "0.6") as deployment:
        time.sleep(7)
        assert not any(scheduled_runs(api, deployment, state) for state in ("SCHEDULED", "RUNNING", "FAILED"))
        api.post(f"deployments/{deployment['id']}/resume_deployment")
        wait_for(lambda: scheduled_runs(api, deployment, "FAILED"), PATIENCE, "no run comes")
        (run, *_) = scheduled_runs(api, deployment, "FAILED")
        assert run["state"]["name"] == "BelowGate"  # the flags are the run's
        assert json.loads((mirror.path / "metrics/evaluate.json").read_text())["original"]["mean_iou"] == 0.52
    mirror.set_line("evaluate", "value: 50")


def test_what_is_no_schedule_is_refused(mirror):
    for flags in (["--cron", "0 25 * * *"], ["--cron", "0 3 * * *", "--timezone", "Nowhere"]):
        said = mirror.run("sceneparse", "serve", *flags, expect=1)
        assert said.startswith("error: the schedule is invalid")
        assert "None" not in said
    assert "expected a number above 0" in mirror.run("sceneparse", "serve", "--interval", "-1", expect=2)
    assert "there is no such stage" in mirror.run("sceneparse", "serve", "--stage", "nosuch", expect=1)


def test_a_name_belongs_to_the_clone_that_serves_it_as_long_as_that_exists(mirror, api, nightly, tmp_path):
    other = Mirror(tmp_path / "other", mirror.environment)
    before = api.get(f"deployments/{nightly['id']}")
    said = other.run("sceneparse", "serve", "--name", "every-night", "--interval", "5", expect=1)
    assert "error: deployment sceneparse/every-night has another owner\n" in said
    assert f"got:      {mirror.path}\n" in said
    after = api.get(f"deployments/{nightly['id']}")
    assert all(after[key] == before[key] for key in ("schedules", "parameters", "tags", "paused"))

    for _ in range(2):  # the same clone has it again
        with served(other, api, "of-two"):
            pass
    assert f"got:      {other.path}\n" in mirror.run("sceneparse", "serve", "--name", "of-two", expect=1)
    shutil.rmtree(other.path)
    with served(mirror, api, "of-two") as deployment:
        assert api.get(f"deployments/{deployment['id']}")["tags"][0].endswith(str(mirror.path))


def test_a_work_pool_keeps_its_deployment(mirror, api):
    api.post("work_pools/", name="pool", type="process")
    flow = api.post("flows/", name="sceneparse")["id"]
    pooled = api.post("deployments/", name="pooled", flow_id=flow, work_pool_name="pool")
    assert "got:      work pool pool\n" in mirror.run("sceneparse", "serve", "--name", "pooled", expect=1)
    assert api.get(f"deployments/{pooled['id']}")["updated"] == pooled["updated"]


def test_a_run_through_the_api_leaves_states_artifacts_and_logs(mirror, api, nightly):
    mirror.set_line("evaluate", "value: 60")
    run = start(api, nightly)
    assert finish(api, run)["message"] == "mean IoU 0.6000"
    wait_for(lambda: len(api.of_run("task_runs", run)) == len(STAGES), PATIENCE, "task runs are missing")
    states = {task["name"]: task["state"]["name"] for task in api.of_run("task_runs", run)}
    assert states == {name: "Completed" if name in ("evaluate", "visualize") else "Cached" for name in STAGES}

    artifacts = {artifact["key"]: artifact for artifact in api.of_run("artifacts", run)}
    assert {"scores", "per-class", "report", "model", "lineage"} <= set(artifacts)
    assert '"score": "mean IoU", "original size": "0.6000"' in artifacts["scores"]["data"]
    assert "sky" in artifacts["per-class"]["data"]
    # The links open as long as `sceneparse serve` runs.
    for key, name in (("model", "models/fcn8s.keras"), ("report", "report/index.html")):
        (address,) = re.findall(r"\((http://127\.0\.0\.1:\d+/\S+)\)", artifacts[key]["data"])
        assert requests.get(address, timeout=PATIENCE).content == (mirror.path / name).read_bytes()
    lineage = artifacts["lineage"]["data"]
    assert mirror.run("git", "rev-parse", "HEAD").strip() in lineage
    assert "dirty: params.yaml" in lineage
    assert re.search(r"dvc.lock \| sha256:[0-9a-f]{64}", lineage)
    assert "evaluate: {value: 60}" in lineage
    wait_for(
        lambda: "evaluate says: value 60" in [line["message"] for line in api.of_run("logs", run)],
        PATIENCE,
        "no such log",
    )

    # The next one shows the change.
    mirror.set_line("evaluate", "value: 55")
    run = start(api, nightly)
    assert finish(api, run)["type"] == "COMPLETED"
    (scores,) = (item for item in api.of_run("artifacts", run) if item["key"] == "scores")
    assert '"original size": "0.5500", "\\u00b1 original": "-0.0500"' in scores["data"]
    assert scores["description"] == "mean IoU 0.5500, -0.0500 since the last good run"


def test_the_command_that_it_prints_starts_a_run_from_another_terminal(mirror, api, nightly, tmp_path):
    log = mirror.path.parent / "every-night.log"
    (command,) = re.findall(r"^start a run now, .*?: (.+)$", log.read_text(), re.MULTILINE)
    mirror.set_line("evaluate", "value: 61")
    elsewhere = {**mirror.environment, "PREFECT_HOME": str(tmp_path)}
    del elsewhere["PREFECT_API_URL"]
    said = subprocess.run(["bash", "-c", command], env=elsewhere, check=True, capture_output=True, text=True).stdout
    (run,) = re.findall(r"UUID: (\S+)", said)
    assert f"URL: {api.url.removesuffix('/api')}/runs/" in said
    assert finish(api, run)["message"] == "mean IoU 0.6100"
    wait_for(lambda: "Finished in state Completed" in log.read_text().split("61\n")[-1], PATIENCE, log.read_text())
    assert log.read_text().count("evaluate says: value 61") == 1


def test_a_run_is_cancelled_through_the_api_and_a_second_one_refused(mirror, api, nightly):
    alive = mirror.path / "state/alive"
    with mirror.trouble("train", "stubborn"):
        run = start(api, nightly)
        wait_for(alive.exists, PATIENCE, "the stage does not begin")
        second = start(api, nightly)
        assert finish(api, second)["name"] == "Refused"
        by_hand = mirror.run("sceneparse", "run", "--overlap", "refuse", expect=75)
        assert "error: another process is running the stages here" in by_hand

        api.post(f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
        living = processes(nightly["environment"])
        ticks = {process.pid for process in living if "stage.py" in " ".join(command_line(process))}
        assert ticks
        wait_for(
            lambda: not ticks & {left.pid for left in processes(nightly["environment"])}, PATIENCE, "the stage is left"
        )
        assert finish(api, run)["type"] == "CANCELLED"
    assert finish(api, start(api, nightly))["type"] == "COMPLETED"


@pytest.mark.exhaustive
def test_prefects_page_shows_the_run_and_its_tasks(mirror, api, nightly):
    run = start(api, nightly)
    finish(api, run)
    wait_for(lambda: len(api.of_run("task_runs", run)) == len(STAGES), PATIENCE, "task runs are missing")
    with browser_page() as page:
        page.goto(f"{api.url.removesuffix('/api')}/runs/flow-run/{run}")
        page.get_by_text("Task Runs", exact=True).click()
        page.get_by_text("visualize", exact=True).first.wait_for()
        shown = page.inner_text("body")
    assert all(name in shown for name in STAGES)
    assert shown.count("Cached") >= 5


def test_a_webhook_is_told_of_failures_crashes_and_the_gate(mirror, webhook):
    url = f"http://127.0.0.1:{webhook.server_port}/hook"
    for _ in range(2):  # again changes nothing
        assert "will call" in mirror.run("sceneparse", "notify", url)
    mirror.run("sceneparse", "run", "--min-iou", "0.99", expect=1)
    with mirror.trouble("download", "fail"):
        mirror.run("sceneparse", "run", expect=1)
    mirror.run("sceneparse", "run")
    (mirror.path / "state/alive").unlink(missing_ok=True)  # of another test
    with going_on(mirror):
        pass  # and is killed
    mirror.run("sceneparse", "run")  # which says so
    wait_for(lambda: len(webhook.received) >= 3, PATIENCE, webhook.received)
    assert len(webhook.received) == 3
    (gate,) = (text for text in webhook.received if "BelowGate" in text)
    (failure,) = (text for text in webhook.received if "sceneparse: Failed" in text)
    (crash,) = (text for text in webhook.received if "sceneparse: Crashed" in text)
    assert "its process was killed" in crash
    assert "sceneparse: BelowGate" in gate
    assert "is below 0.9900" in gate
    assert "sceneparse: Failed" in failure
    assert "error: the input is bad" in failure
