"""prefect.yaml: the same deployment for a work pool, whose schedule starts runs on a real worker."""

import json
import shutil

import pytest
from daemons import daemon
from flow_runs import local_times, scheduled_runs
from mirror import Mirror
from prefect_server import Api
from ruamel.yaml import YAML
from workspace import ROOT

pytestmark = pytest.mark.slow

INTERVAL = 5  # seconds


@pytest.fixture
def mirror(tmp_path, prefect_api):
    mirror = Mirror(tmp_path / "project", prefect_api.environment)
    mirror.environment["PWD"] = str(mirror.path)  # as a shell has it
    for package in ("pipeline", "sceneparse", "stages"):  # a worker imports the flow from there
        shutil.rmtree(mirror.path / package, ignore_errors=True)
        shutil.copytree(ROOT / package, mirror.path / package, ignore=shutil.ignore_patterns("__pycache__"))
    mirror.run("dvc", "repro")
    return mirror


def deploy(mirror, prefect_api, schedule=None):
    """Make the deployment of prefect.yaml, with another schedule or its own."""
    content = YAML(typ="safe").load(ROOT / "prefect.yaml")
    if schedule:
        content["deployments"][0]["schedules"] = [schedule]
    (mirror.path / "prefect.yaml").write_text(json.dumps(content))  # JSON is YAML
    mirror.run("prefect", "work-pool", "create", "sceneparse", "--type", "process", "--overwrite")
    mirror.run("prefect", "--no-prompt", "deploy", "--all")
    return Api(prefect_api.url).get("deployments/name/sceneparse/nightly")


@pytest.mark.exhaustive
def test_its_own_schedule_plans_runs_at_three(mirror, prefect_api):
    deployment = deploy(mirror, prefect_api)
    assert {time.isoformat() for time in local_times(Api(prefect_api.url), deployment, "UTC")} == {"03:00:00"}


@pytest.mark.exhaustive
def test_a_worker_runs_what_the_schedule_starts_in_the_folder_it_was_deployed_from(mirror, prefect_api):
    api = Api(prefect_api.url)
    deployment = deploy(mirror, prefect_api, {"interval": INTERVAL})
    mirror.set_line("evaluate", "value: 61")
    command = ["prefect", "worker", "start", "--pool", "sceneparse", "--limit", "1"]
    completed = lambda: scheduled_runs(api, deployment, "COMPLETED")  # noqa: E731 - waited for twice
    with daemon(command, mirror.path.parent / "worker.log", completed, mirror.environment):
        (run, *_) = completed()
        assert run["state"]["message"] == "mean IoU 0.6100"
        assert json.loads((mirror.path / "metrics/evaluate.json").read_text())["original"]["mean_iou"] == 0.61
        api.post(f"deployments/{deployment['id']}/pause_deployment")
