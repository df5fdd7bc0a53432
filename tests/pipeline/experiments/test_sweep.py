"""A grid of experiments as a user runs it: apart from the workspace, stopped, killed and started again."""

import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from daemons import PATIENCE
from one_stage import lines, names, ranking, state

pytestmark = pytest.mark.slow


def start(workspace, *arguments):
    """Start a sweep in the background; its output goes to the file `out`."""
    with (workspace.path.parent / "out").open("wb") as out:
        return subprocess.Popen(
            ["sceneparse", "sweep", *arguments], cwd=workspace.path, env=workspace.environment, stdout=out, stderr=out
        )


def wait_for(condition, seconds=PATIENCE):
    """Wait until the condition holds, and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def processes(workspace):
    """Return the processes that run in the workspace or below it."""
    running = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(workspace.path) and process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
        except psutil.Error:
            continue
    return running


def at_step(workspace, number):
    """Return whether a running point has reached this step."""
    steps = [path.read_text() or "0" for path in workspace.path.glob("state/sweep/*/state/train/step")]
    return any(int(step) >= number for step in steps)


def test_bad_values_are_refused_before_anything_runs(quick):
    before = state(quick)
    shown = quick.run("sceneparse", "sweep", "train.seed=1", "train.epochs=2.5", expect=1)
    assert "train.epochs: Input should be a valid integer (found 2.5)" in shown
    assert "Traceback" not in shown
    plan = quick.run("sh", "-c", "cd stages && sceneparse sweep --dry-run train.seed=1,2")
    assert plan.count("to run") == 2
    assert not (quick.path / "state").exists()
    assert state(quick) == before


@pytest.mark.exhaustive
def test_the_pipeline_in_a_grid(trained, tmp_path):
    project = trained.copy(tmp_path / "project")
    edited = project.path / "stages/visualize/page/page.html.j2"
    edited.write_text(edited.read_text().replace("<h2", "<h2 id='edited'", 1))  # not committed, and used
    (project.path / "notes.txt").write_text("staged")
    project.run("git", "add", "notes.txt")
    (project.path / "new.txt").write_text("unknown to Git")
    before = state(project)
    grid = ("visualize.opacity=0.5,0.25", "visualize.random=2")
    assert [line[:2] for line in lines(project.run("sceneparse", "sweep", *grid))] == [("1/2", "ran"), ("2/2", "ran")]
    assert state(project) == before
    assert not list((project.path / "state/sweep").glob("*/"))
    log = next((project.path / "state/sweep").glob("opacity-0.25-*.log")).read_text()
    assert "Running stage 'visualize'" in log
    assert re.search("Stage 'train' (is cached - skipping run|didn't change, skipping)", log)

    project.run("git", "reset", "--quiet", "--hard")
    project.run("dvc", "exp", "apply", next(name for name in names(project) if "0.25" in name))
    assert "up to date" in project.run("dvc", "status")
    assert "id='edited'" in project.read("report/index.html").decode()
    assert (project.path / "notes.txt").read_text() == "staged"
    assert "opacity: 0.25" in project.read("params.yaml").decode()


def test_a_killed_sweep_goes_on_where_it_was(quick):
    before = state(quick)
    grid = ("train.epochs=1,100,2", "train.clip_norm=3")
    first = start(quick, *grid)
    wait_for(lambda: at_step(quick, 2))
    left = [process for process in processes(quick) if process.pid != first.pid]
    assert len(left) >= 3, "a supervisor, DVC and the stage"
    first.kill()
    first.wait()
    assert state(quick) == before
    (quick.path / "state/sweep/of-another-sweep/data").mkdir(parents=True)

    second = start(quick, *grid)  # at once: it has to wait until what is left has saved its state
    wait_for(lambda: not any(process.is_running() for process in left))
    assert second.wait(PATIENCE) == 0
    shown = lines((quick.path.parent / "out").read_text())
    assert [line[1] for line in shown] == ["done before", "ran", "ran"]
    assert state(quick) == before
    assert sorted(names(quick)) == sorted(line[2] for line in shown)
    assert not list((quick.path / "state/sweep").glob("*/"))
    logs = [(quick.path / f"state/sweep/{line[2]}.log").read_text() for line in shown]
    assert ["beginning after step 99" in log for log in logs] == [False, True, False]
    assert len(list((quick.path.parent / "site-cache/repo").iterdir())) == 1, "DVC keeps nothing for the checkouts"


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.exhaustive)])
def test_a_stopped_sweep_leaves_no_process(quick, number):
    before = state(quick)
    running = start(quick, "train.epochs=100")
    wait_for(lambda: at_step(quick, 1))
    running.send_signal(number)
    assert running.wait(PATIENCE) == 128 + number
    assert not processes(quick)
    assert "stopped: start it again to resume" in (quick.path.parent / "out").read_text()
    assert state(quick) == before
    assert not names(quick)


@pytest.mark.exhaustive
def test_one_sweep_at_a_time_and_the_workspace_is_free_meanwhile(quick):
    running = start(quick, "train.epochs=15,1")
    wait_for(lambda: at_step(quick, 1))
    refused = quick.run("sceneparse", "sweep", "train.seed=1", expect=75)
    assert "another process is sweeping in this workspace" in refused
    assert "Running stage 'train'" in quick.run("dvc", "repro")
    (quick.path / "work.py").write_text("raise SystemExit('edited while the sweep runs')")
    quick.commit("later")
    assert running.wait(PATIENCE) == 0, (quick.path.parent / "out").read_text()
    assert [line[1] for line in lines((quick.path.parent / "out").read_text())] == ["ran", "ran"]
    assert not ranking(quick)
    assert len(ranking(quick, "--all")) == 2


@pytest.mark.exhaustive
def test_a_failed_point_does_not_keep_others_from_running(quick):
    quick.set_param("train.momentum", 0.8)  # not committed
    grid = ("train.batch_size=13,2",)
    shown = quick.run("sceneparse", "sweep", *grid, expect=1)
    assert [line[1] for line in lines(shown)] == ["failed", "ran"]
    failed = lines(shown)[0][2]
    assert f"experiment {failed} failed\nthirteen will not do\n" in shown.replace("beginning after step 0\n", "")
    assert "error: 1 of 2 points failed" in shown
    assert "Traceback" not in shown
    assert failed not in names(quick)

    shown = quick.run("sceneparse", "sweep", "train.momentum=0.8", *grid, expect=1)
    assert [line[1] for line in lines(shown)] == ["failed", "done before"], "typed or not, the params are the same"
