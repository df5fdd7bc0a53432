"""A grid of experiments as a user runs it: apart from the workspace, killed and started again, ranked."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from daemons import PATIENCE
from workspace import Workspace

from pipeline.experiments.dvc_experiments import Baseline

pytestmark = pytest.mark.slow

# One stage in place of six: its params set its duration, and it saves its state on SIGTERM, as training does.
DVC_YAML = """
stages:
  train:
    cmd: python work.py --dataset data.zip --scores metrics/evaluate.json
    params: [train]
    deps: [work.py]
    outs: [metrics/evaluate.json]
metrics: [metrics/evaluate.json]
"""
WORK = """
import json, pathlib, signal, sys, time
from ruamel.yaml import YAML

train = YAML(typ="safe").load(pathlib.Path("params.yaml"))["train"]
step = pathlib.Path("state/train/step")
step.parent.mkdir(parents=True, exist_ok=True)
done = int(step.read_text()) if step.exists() else 0
print(f"beginning after step {done}")

def save(*_):
    time.sleep(train["clip_norm"])
    step.write_text(str(train["epochs"] - 1))
    sys.exit("stopped")

signal.signal(signal.SIGTERM, save)
for number in range(done, train["epochs"]):
    time.sleep(0.1)
    step.write_text(str(number + 1))
if train["batch_size"] == 13:
    sys.exit("thirteen will not do")
score = train["learning_rate"] * 100
section = {"mean_iou": score, "pixel_accuracy": 1 - score}
others = ("mean_accuracy", "mean_iou_absent_as_zero", "frequency_weighted_iou", "benchmark_score")
section |= dict.fromkeys(others)
pathlib.Path("metrics").mkdir(exist_ok=True)
pathlib.Path("metrics/evaluate.json").write_text(json.dumps({"original": section, "resized": section}))
"""


@pytest.fixture
def quick(tmp_path):
    """A workspace of one stage of 0.1 s an epoch, whose mean IoU is a hundred times the learning rate."""
    return of_one_stage(Workspace(tmp_path / "the pröject"))


def of_one_stage(workspace):
    """Put the quick stage in place of the six."""
    (workspace.path / "dvc.yaml").write_text(DVC_YAML)
    (workspace.path / "work.py").write_text(WORK)
    workspace.set_param("train.epochs", 1)
    workspace.commit("one stage")
    return workspace


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


def state(workspace):
    """Return the files outside DVC's and our own folders, and Git's state without the refs of experiments."""
    digests = {
        str(path.relative_to(workspace.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in workspace.path.rglob("*")
        if path.is_file() and path.relative_to(workspace.path).parts[0] not in (".git", ".dvc", "state")
    }
    refs = workspace.run("git", "for-each-ref").splitlines()
    git = [path.read_bytes() for path in map(workspace.path.joinpath, (".git/HEAD", ".git/index", ".git/config"))]
    return digests, [ref for ref in refs if not re.search(r"refs/exps/../[0-9a-f]{38}/", ref)], git


def lines(output):
    """Return the number, verdict and name of each point in a sweep's output."""
    return [
        (match[1], match[2], match[3])
        for match in re.finditer(r"^(\d+/\d+) +(ran|failed|done before) .* (\S+)$", output, flags=re.MULTILINE)
    ]


def names(workspace):
    """Return Git's experiments, by the last part of their refs."""
    return workspace.run("git", "for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps").split()


def ranking(workspace, *flags):
    """Return the names of the experiments that compare prints, best first."""
    return [row["name"] for row in json.loads(workspace.run("sceneparse", "compare", "--json", *flags))["experiments"]]


def test_bad_values_are_refused_before_anything_runs(quick):
    before = state(quick)
    shown = quick.run("sceneparse", "sweep", "train.seed=1", "train.epochs=2.5", expect=1)
    assert "train.epochs: Input should be a valid integer (found 2.5)" in shown
    assert "Traceback" not in shown
    plan = quick.run("sh", "-c", "cd stages && sceneparse sweep --dry-run train.seed=1,2")
    assert plan.count("to run") == 2
    assert not (quick.path / "state").exists()
    assert state(quick) == before


def test_without_a_commit_there_is_nothing_to_begin_from(quick):
    quick.run("git", "checkout", "--quiet", "--orphan", "empty")
    said = quick.run("sceneparse", "sweep", "train.seed=1", expect=1)
    assert "experiments start from a commit\n" in said
    assert f"got:      {quick.path} has no commit\n" in said


def test_what_git_does_not_know_is_named(quick):
    quick.run("git", "rm", "--cached", "--quiet", "dvc.yaml")
    said = quick.run("sceneparse", "sweep", "train.seed=1", expect=1)
    assert f"got:      {quick.path} does not track dvc.yaml" in said
    assert "next:     git add" in said


@pytest.mark.exhaustive
def test_a_project_in_a_folder_of_a_larger_repository(tmp_path):
    top = tmp_path / "mono"
    project = of_one_stage(Workspace(top / "projects/the pröject", top))
    (top / "shared.py").write_text("FACTOR = 100")
    work = WORK.replace(
        "import json", "import sys; sys.path.insert(0, '../..'); from shared import FACTOR\nimport json"
    )
    (project.path / "work.py").write_text(work.replace("* 100", "* FACTOR"))
    project.run("git", "add", "--all", str(top))
    project.commit("shared code")
    (top / "shared.py").write_text("FACTOR = 200")  # not committed, and outside the project
    (project.path / "new.py").write_text("")

    grid = ("train.batch_size=13,2", "train.epochs=3")
    shown = project.run("sceneparse", "sweep", *grid, expect=1)
    assert [line[1] for line in lines(shown)] == ["failed", "ran"]
    assert "mean IoU 0.4000" in shown
    assert "because Git does not track them: new.py" in shown
    kept = project.path / "state/sweep" / lines(shown)[0][2]
    assert [str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()] == [
        "projects/the pröject/state/train/step"
    ]
    shown = project.run("sh", "-c", 'cd stages && sceneparse sweep "$@"', "sh", *grid, expect=1)
    assert [line[1] for line in lines(shown)] == ["failed", "done before"]
    assert "beginning after step 3" in project.read(f"state/sweep/{kept.name}.log").decode(), "its state was kept"
    assert names(project) == [lines(shown)[1][2]] == ranking(project)
    (top / "shared.py").write_text("FACTOR = 100")
    plan = project.run("sceneparse", "sweep", "--dry-run", *grid)
    assert plan.count("to run") == 2, "the code outside the project is another now"


@pytest.mark.exhaustive
def test_the_trained_project_in_a_folder_takes_a_list_as_a_value(trained, tmp_path):
    project = trained.copy(tmp_path / "mono/projects/parsing")
    shutil.rmtree(project.path / ".git")
    project.run("git", "init", "--quiet", str(tmp_path / "mono"))
    project.commit("begin")
    output = project.run("sceneparse", "sweep", "evaluate.scales=[0.75,1.0],[1.0]", "visualize.random=2")
    assert [line[1] for line in lines(output)] == ["ran", "ran"]
    rows = json.loads(project.run("sceneparse", "compare", "--json"))
    scales = {row["name"]: row["params"]["evaluate.scales"] for row in rows["experiments"]}
    assert sorted(scales.values()) == [[0.75, 1.0], [1.0]]
    assert rows["workspace"]["up_to_date"] is True
    for name, value in scales.items():
        log = project.read(f"state/sweep/{name}.log").decode()
        assert "Stage 'train' didn't change" in log or "Stage 'train' is cached" in log
        assert ("Running stage 'evaluate'" in log) == (len(value) == 2)
    apart = {row["scores"]["original.mean_iou"] for row in rows["experiments"]}
    assert len(apart) == 2, "the scales were in use"


def test_looking_at_the_workspace_leaves_gits_index_alone(quick):
    os.utime(quick.path / "Makefile", (1, 1))  # Git would note in its index that nothing else has changed
    before = state(quick)
    assert Baseline.of(quick.path).changes == b""
    assert state(quick) == before


def test_results_that_are_not_committed_are_known(quick):
    """Git does not track dvc.lock right after the first `dvc repro`."""
    quick.run("dvc", "repro")
    output = quick.run("sceneparse", "sweep", "train.epochs=1,2") + quick.errors
    assert "Stage 'train' didn't change, skipping" in output
    assert "WARNING" not in output
    assert "applied to your workspace" not in output
    assert "dvc.lock" in quick.run("git", "ls-files", "--others")


def test_what_a_point_is_known_by(quick):
    def digest(params="params"):
        return Baseline.of(quick.path).digest(params)

    (quick.path / "dvc.lock").write_text("schema: '2.0'")
    quick.commit("a lock file")
    known = digest()
    assert digest("other params") != known
    quick.set_param("train.seed", 1)  # comes with the params
    (quick.path / "dvc.lock").write_text("schema: '2.1'")
    (quick.path / "new.py").write_text("")
    assert digest() == known
    assert Baseline.of(quick.path).unknown() == ["new.py"]
    quick.run("git", "add", "new.py")
    assert digest() != known
    assert Baseline.of(quick.path).unknown() == []
    quick.run("git", "reset", "--quiet", "--hard")
    assert digest() == known
    quick.run("git", "commit", "--quiet", "--allow-empty", "--message", "next")
    assert digest() != known


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


def test_compare_ranks_by_a_score(quick):
    quick.run("dvc", "repro")
    quick.run("sceneparse", "sweep", "train.learning_rate=0.001,0.004")
    head, *rows = quick.run("sh", "-c", "cd stages && sceneparse compare").splitlines()
    assert head.split() == ["experiment", "commit", "train.learning_rate", "mean_iou", "pixel_accuracy"]
    assert [row.split()[2:] for row in rows] == [
        ["0.004", "0.4000", "0.6000"],
        ["0.002", "0.2000", "0.8000"],
        ["0.001", "0.1000", "0.9000"],
    ]
    assert rows[1].startswith("workspace")
    by_accuracy = json.loads(quick.run("sceneparse", "compare", "--json", "--by", "resized.pixel_accuracy"))
    assert [row["params"]["train.learning_rate"] for row in by_accuracy["experiments"]] == [0.001, 0.004]
    assert by_accuracy["workspace"]["up_to_date"] is True
    assert "there is no such score" in quick.run("sceneparse", "compare", "--by", "loss", expect=1)
    quick.set_param("train.learning_rate", 0.005)
    assert "do not belong to its params" in quick.run("sceneparse", "compare")


def test_compare_names_experiments_of_another_dataset(quick):
    (quick.path / "dvc.yaml").write_text(DVC_YAML.replace("[work.py]", "[work.py, data.zip]"))
    (quick.path / "data.zip").write_text("scenes")
    quick.commit("a dataset")
    quick.run("dvc", "repro")
    quick.run("dvc", "exp", "save", "--name", "before")
    assert "note:" not in quick.run("sceneparse", "compare")
    (quick.path / "data.zip").write_text("other scenes")
    quick.run("dvc", "repro")
    assert quick.run("sceneparse", "compare").splitlines()[-1].endswith("the same: before")
    rows = json.loads(quick.run("sceneparse", "compare", "--json"))
    assert rows["experiments"][0]["dataset"] != rows["workspace"]["dataset"]
