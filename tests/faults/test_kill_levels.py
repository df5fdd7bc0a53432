"""A process that is killed at any level while any stage runs: nothing stays, and a rerun makes the same bytes.

SCENEPARSE_SEED says which moments (default: 0); it is printed.
"""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import psutil
import pytest
import requests
from daemons import PATIENCE
from flow_runs import command_line, kill_processes, processes, wait_for
from prefect_server import Api
from prepare_process import wait_for_end
from ruamel.yaml import YAML
from web_page import PHOTO, running

SEED = int(os.environ.get("SCENEPARSE_SEED", "0"))
SECONDS = {"download": 1, "weights": 4, "prepare": 4, "train": 15, "evaluate": 6, "visualize": 5}  # about
COMMANDS = {
    "stage": ["dvc", "repro"],
    "dvc": ["dvc", "repro"],
    "flow": ["sceneparse", "run"],
    "serve": ["sceneparse", "serve", "--name", "NAME"],
    "sweep": ["sceneparse", "sweep", "visualize.opacity=NEW"],
}


@pytest.fixture
def workspace(trained, tmp_path, prefect_api):
    project = trained.copy(tmp_path / "project")
    project.environment |= {**prefect_api.environment, "SCENEPARSE_TEST": str(tmp_path)}
    return project


@contextmanager
def started(workspace, command):
    """Start a command; its output goes to the file `log`. Whatever is left of it at the end is killed."""
    with (workspace.path.parent / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=workspace.path, env=workspace.environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        kill_processes(workspace.environment)


def forget(workspace, stage):
    """Make DVC and the stage forget that it ran: it begins from nothing."""
    yaml, lock = YAML(), workspace.path / "dvc.lock"
    content = yaml.load(lock)
    del content["stages"][stage]
    yaml.dump(content, lock)
    shutil.rmtree(workspace.path / ".dvc/cache/runs", ignore_errors=True)
    shutil.rmtree(workspace.path / "state", ignore_errors=True)


def request_run(api, process, name):
    """Ask for a run of the served deployment once there is one."""
    body = {"deployments": {"name": {"any_": [name]}}}
    wait_for(lambda: process.poll() is not None or api.post("deployments/filter", **body), PATIENCE, "no deployment")
    deployment = api.post("deployments/filter", **body)[0]
    state = {"type": "SCHEDULED"}
    api.post(f"deployments/{deployment['id']}/create_flow_run", state=state, parameters=deployment["parameters"])


def process_of(workspace, stage):
    """Return the process of a running stage, or None."""
    for process in processes(workspace.environment):
        if command_line(process)[1:3] == ["-m", f"stages.{stage}"]:
            return process
    return None


def kill(workspace, command, stage, level, delay, api):
    """Kill the level's process `delay` seconds after the stage has begun; wait until nothing of it is left."""
    log = workspace.path.parent / "log"
    with started(workspace, command) as process:
        if level == "serve":
            request_run(api, process, command[-1])

        def begun():
            assert process.poll() is None, log.read_text()[-3000:]
            return process_of(workspace, stage)

        wait_for(begun, PATIENCE, f"{stage} does not begin")
        time.sleep(delay)
        victim = process_of(workspace, stage) if level == "stage" else process
        if victim:  # the stage may have come to its end
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        wait_for(lambda: not processes(workspace.environment), PATIENCE, f"left: {log.read_text()[-3000:]}")


def kill_page(model, delay):
    """Kill `sceneparse web` while it answers; the next one gives the same answers."""

    def ask(page):
        return requests.post(f"{page.url}api/segment", data=PHOTO, timeout=PATIENCE).json()["labels"]

    with running(model) as page:
        answer = ask(page)
    with running(model) as page:
        family = [psutil.Process(page.process.pid), *psutil.Process(page.process.pid).children(recursive=True)]
        timer = threading.Timer(delay, page.process.kill)
        timer.start()
        with suppress(requests.ConnectionError):
            while True:
                assert ask(page) == answer
        timer.join()
        page.process.wait(PATIENCE)
        assert wait_for_end(family) == []
    with running(model) as page:
        assert ask(page) == answer


@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize(
    "each", [pytest.param(1, marks=pytest.mark.exhaustive), pytest.param(len(SECONDS), marks=pytest.mark.soak)]
)
def test_a_rerun_makes_the_same_bytes(workspace, prefect_api, each):
    """Each level is killed during so many stages, drawn at random: `each`."""
    draw, api, expected = random.Random(SEED), Api(prefect_api.url), workspace.outputs()  # noqa: S311 - no secret
    print(f"seed {SEED}")
    for level, command in COMMANDS.items():
        for stage in draw.sample([*SECONDS], each):
            delay = draw.uniform(0.0, SECONDS[stage])
            print(f"{level}, {stage}, {delay:.1f} s", flush=True)
            forget(workspace, stage)
            # A sweep begins with the last commit.
            workspace.run("git", "commit", "--quiet", "--allow-empty", "--all", "--message", "forgotten")
            # Each sweep is a new one.
            words = [word.replace("NEW", f"{draw.uniform(0.1, 0.9):.6f}") for word in command]
            # Each workspace has a deployment of its own.
            words = [workspace.path.parent.name if word == "NAME" else word for word in words]
            kill(workspace, words, stage, level, delay, api)
            if level == "sweep":
                workspace.run(*words)
            workspace.run("sceneparse", "run")
            assert workspace.outputs() == expected
            workspace.run("sceneparse", "verify")
            assert not processes(workspace.environment)


@pytest.mark.exhaustive
def test_a_killed_page_answers_as_before(trained):
    draw = random.Random(SEED)  # noqa: S311 - no secret
    for _ in range(3):
        delay = draw.uniform(0.0, 2.0)
        print(f"seed {SEED}, {delay:.1f} s")
        kill_page(trained.path / "models/fcn8s.keras", delay)
