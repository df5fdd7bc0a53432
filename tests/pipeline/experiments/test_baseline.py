"""Beginning of a sweep: the commit, what is not committed, the place in a repository."""

import json
import os
import shutil

import pytest
from one_stage import WORK, lines, names, of_one_stage, ranking, state
from workspace import Workspace

from pipeline.experiments.dvc_experiments import Baseline

pytestmark = pytest.mark.slow


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


def test_a_sweep_that_git_starts_leaves_the_repository_alone(quick):
    """Git's hooks and aliases tie what they start to a repository, and the point's checkout is another one."""
    before = state(quick)
    tied = {"GIT_DIR": ".git", "GIT_WORK_TREE": ".", "GIT_COMMON_DIR": ".git", "GIT_INDEX_FILE": ".git/index"}
    tied = {name: str(quick.path / value) for name, value in tied.items()}
    words = ["env", *(f"{name}={value}" for name, value in tied.items())]
    output = quick.run(*words, "sceneparse", "sweep", "train.seed=1")
    assert [line[1] for line in lines(output)] == ["ran"]
    assert state(quick) == before
    assert names(quick) == [lines(output)[0][2]]


def test_only_paths_of_the_params_are_data_to_link(quick):
    """A stage of the user's own has numbers of the params, words that are no params, lists and empty params."""
    stage = 'own: {foreach: [a, b], do: {cmd: "echo ${train.epochs} > ${item}", outs: ["${item}"]}}'
    comment = "# not ${weights.digest}, and not ${evaluate.scales}"
    dvc_yaml = quick.path / "dvc.yaml"
    dvc_yaml.write_text(dvc_yaml.read_text().replace("stages:", f"stages:\n  {stage}  {comment}"))
    quick.commit("a stage of our own")
    assert [line[1] for line in lines(quick.run("sceneparse", "sweep", "train.seed=1"))] == ["ran"]


def read_data(quick, source):
    """Make the stage depend on the data that download.source names."""
    dvc_yaml = quick.path / "dvc.yaml"
    dvc_yaml.write_text(dvc_yaml.read_text().replace("[work.py]", '[work.py, "${download.source}"]'))
    quick.set_param("download.source", source)
    quick.commit("data")


def test_data_beside_the_repository(quick):
    scenes = quick.path.parent / "scenes/ade"
    scenes.mkdir(parents=True)
    (scenes / "a.txt").write_text("a scene")
    read_data(quick, "../scenes/ade")
    before = state(quick)
    for seed in ("1", "2"):  # the second sweep begins with what the first one left
        output = quick.run("sceneparse", "sweep", f"train.seed={seed}")
        assert [line[1] for line in lines(output)] == ["ran"]
        (quick.path / "state/sweep/dangling").symlink_to("nowhere")
        (quick.path / "state/sweep/other").symlink_to(scenes)
    assert state(quick) == before
    assert (scenes / "a.txt").read_text() == "a scene"
    experiment = quick.run("git", "for-each-ref", "--format=%(refname)", "refs/exps/*/*/seed-2*").strip()
    assert "path: ../scenes/ade\n" in quick.run("git", "show", f"{experiment}:dvc.lock")


@pytest.mark.parametrize("beyond", ["../../{parent}/scenes", "../../../{grandparent}/{parent}/scenes", "../lock"])
def test_data_that_no_link_can_lead_to_is_refused(quick, beyond):
    """The links would lie outside the sweep's folder, even in the workspace, or in the place of its lock."""
    folder = quick.path.parent
    for name in ("scenes", "lock"):
        (folder / name).mkdir()
    source = beyond.format(parent=folder.name, grandparent=folder.parent.name)
    read_data(quick, source)
    before = state(quick)
    said = quick.run("sceneparse", "sweep", "train.seed=1", expect=1)
    assert [line[1] for line in lines(said)] == ["failed"]
    assert f"got:      {source}\n" in said
    assert f"next:     write {folder / beyond.rpartition('/')[2]}\n" in said
    assert not [path for path in quick.path.rglob("*") if path.is_symlink()]
    assert state(quick) == before


def test_files_that_git_does_not_track_are_named_but_for_data(quick):
    """Names need no Unicode; data is linked into the experiment unless Git tracks a part of it."""
    read_data(quick, "scenes")
    for folder in ("scenes", "half"):
        (quick.path / folder).mkdir()
        (quick.path / folder / "a.txt").write_text("a scene")
    (quick.path / "half/b.txt").write_text("a scene")
    quick.run("git", "add", "half/b.txt")
    for name in (b"caf\xe9.txt", *(b"new-%02d.txt" % number for number in range(12))):
        (quick.path / os.fsdecode(name)).write_text("")
    output = quick.run("sceneparse", "sweep", "train.seed=1", "download.source=scenes,half")
    assert [line[1] for line in lines(output)] == ["ran", "ran"]
    (said,) = (line for line in quick.errors.splitlines() if "because Git does not track them" in line)
    named = said.partition("them: ")[2].split(", ")
    assert named[:3] == [r"caf\udce9.txt", "half/a.txt", "new-00.txt"]
    assert named[10:] == ["and 4 more"]


def partial_clone(quick, path, *flags):
    """Clone a repository with a history from a server, but without the files of earlier commits."""
    quick.run("git", "config", "uploadpack.allowFilter", "true")
    quick.run("git", "config", "uploadpack.allowAnySHA1InWant", "true")
    (quick.path / "work.py").write_text(WORK + "# newer\n")
    quick.commit("newer")
    quick.run("git", "clone", "--quiet", "--filter=blob:none", *flags, quick.path.as_uri(), str(path))
    return quick._at(path)


@pytest.mark.parametrize("flags", [[], pytest.param(["--sparse"], marks=pytest.mark.exhaustive)])
def test_a_partial_clone(quick, tmp_path, flags):
    """A sparse one lacks files of the baseline itself, but no point needs those of earlier commits."""
    clone = partial_clone(quick, tmp_path / "partial", *flags)
    if flags:
        clone.run("git", "sparse-checkout", "add", ".dvc")
        assert not (clone.path / "stages").exists()
    earlier = clone.run("git", "rev-parse", "HEAD~1:work.py").strip()
    assert f"?{earlier}" in clone.run("git", "rev-list", "--objects", "--all", "--missing=print")
    before = state(clone)
    output = clone.run("sceneparse", "sweep", "train.learning_rate=0.004,0.005")
    assert [line[1] for line in lines(output)] == ["ran", "ran"]
    assert state(clone) == before
    assert not (clone.path / ".git/shallow").exists()
    assert f"?{earlier}" in clone.run("git", "rev-list", "--objects", "--all", "--missing=print")
    assert ranking(clone) == [line[2] for line in reversed(lines(output))]
    clone.run("dvc", "exp", "apply", lines(output)[0][2])
    assert "learning_rate: 0.004" in clone.read("params.yaml").decode()
    assert b'"mean_iou": 0.4' in clone.read("metrics/evaluate.json")
    clone.run("dvc", "exp", "branch", lines(output)[1][2], "better")
    assert clone.run("git", "rev-parse", "better~1") == clone.run("git", "rev-parse", "HEAD")


def test_an_experiment_that_git_cannot_bring_back_has_failed(quick, tmp_path):
    """When the stage ends, no branch of the partial clone has the baseline any more."""
    clone = partial_clone(quick, tmp_path / "partial")
    undo = ["git", "-C", str(clone.path), "reset", "--quiet", "--soft", "HEAD~1"]
    (clone.path / "work.py").write_text(f"{WORK}\nimport subprocess\nsubprocess.run({undo}, check=True)\n")
    clone.commit("undone later")
    said = clone.run("sceneparse", "sweep", "train.seed=1", expect=1)
    assert [line[1] for line in lines(said)] == ["failed"]
    assert f"git fetch of experiment {lines(said)[0][2]} failed\nno branch has its commit" in said
    assert not names(clone)
