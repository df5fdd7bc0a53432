"""prefect.yaml: the same deployment for a work pool, run by a real worker."""

import pytest
from prefect_server import Api
from ruamel.yaml import YAML
from test_serve import finish, start
from workspace import ROOT, Workspace


@pytest.fixture
def workspace(tmp_path, prefect_api):
    workspace = Workspace(tmp_path / "project")
    workspace.environment |= {**prefect_api.environment, "PWD": str(workspace.path)}  # as a shell has it
    return workspace


def test_a_worker_runs_the_deployment_in_the_folder_it_was_deployed_from(workspace, prefect_api):
    workspace.run("prefect", "work-pool", "create", "sceneparse", "--type", "process")
    workspace.run("prefect", "--no-prompt", "deploy", "--all")
    api = Api(prefect_api.url)
    deployment = api.get("deployments/name/sceneparse/nightly")
    (declared,) = YAML(typ="safe").load(ROOT / "prefect.yaml")["deployments"]
    assert deployment["schedules"][0]["schedule"]["cron"] == declared["schedules"][0]["cron"] == "0 3 * * *"
    assert deployment["global_concurrency_limit"]["limit"] == 1

    run = start(api, deployment, stage="weights")  # the quickest stage
    workspace.run("prefect", "worker", "start", "--pool", "sceneparse", "--run-once")
    state = finish(api, run)
    assert state["type"] == "COMPLETED", state["message"]
    assert [task["name"] for task in api.of_run("task_runs", run)] == ["weights"]
    assert (workspace.path / "data/raw/backbone").is_dir()
