"""Refusals of DVC and Git in this project's form: problem, expected, got, file, next step."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from mirror import Mirror

from pipeline.experiments.experiment_rows import list_experiments
from pipeline.repro.dvc_commands import CommandError, push_outputs, reproduce
from pipeline.repro.dvc_errors import dvc_understood
from pipeline.repro.project import Project
from pipeline.repro.project_root import project_root
from sceneparse.core.errors import InputError, TransientError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc"),  # its own, of a library that it uses
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    mirror = Mirror(tmp_path_factory.mktemp("built") / "project")
    mirror.run("dvc", "repro")
    mirror.commit("built")
    return mirror


@pytest.fixture
def mirror(built, tmp_path, monkeypatch):
    """A copy of the built mirror, for a test to break."""
    shutil.copytree(built.path, tmp_path / "project", symlinks=True)
    mirror = Mirror(tmp_path / "project")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", mirror.environment["DVC_SITE_CACHE_DIR"])
    monkeypatch.chdir(mirror.path)
    return mirror


def write(name, content):
    return lambda mirror: (mirror.path / name).write_bytes(content)


def remove(*names):
    def change(mirror):
        for name in names:
            path = mirror.path / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def in_place_of(name):
    """Put a file where a folder belongs: even root cannot write into it."""

    def change(mirror):
        shutil.rmtree(mirror.path / name, ignore_errors=True)
        (mirror.path / name).write_text("")

    return change


def merged(name):
    """Let Git merge two branches that change the second line of a file."""

    def change(mirror):
        path = mirror.path / name
        if name == "dvc.yaml":  # one line until now
            path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
            mirror.commit("lines")
        first, second, *rest = path.read_text().splitlines(keepends=True)
        for branch, line in (("theirs", second.replace("\n", " \n")), ("ours", second.replace("\n", "  \n"))):
            mirror.run("git", "checkout", "--quiet", "-b", branch, "HEAD" if branch == "theirs" else "HEAD~1")
            path.write_text("".join([first, line, *rest]))
            mirror.commit(branch)
        mirror.run("git", "merge", "theirs", expect=1)

    return change


def pipeline(change):
    """Change dvc.yaml's stages."""

    def changed(mirror):
        content = json.loads((mirror.path / "dvc.yaml").read_text())
        change(content["stages"])
        (mirror.path / "dvc.yaml").write_text(json.dumps(content))

    return changed


def tracked(mirror):
    """Let Git track an output that DVC makes for the first time."""
    mirror.run("git", "add", "--force", "report")
    mirror.run("git", "commit", "--quiet", "--message", "report")
    remove("dvc.lock", "report", ".dvc/cache")(mirror)
    mirror.run("dvc", "repro", "evaluate")


READ = {  # the fault -> what refuses the project when it is read: problem, a part of what was got, the file
    "no dvc.yaml": (remove("dvc.yaml"), "there is no dvc.yaml", "no file", "dvc.yaml"),
    "empty dvc.yaml": (write("dvc.yaml", b""), "dvc.yaml cannot be read", "an empty file", "dvc.yaml"),
    "no stages": (write("dvc.yaml", b"stages: {}\n"), "dvc.yaml has no stages", "none", "dvc.yaml"),
    "dvc.yaml cut off": (write("dvc.yaml", b"stages: ["), "dvc.yaml cannot be read", "line 1, column", "dvc.yaml"),
    "another schema": (
        write("dvc.yaml", b"stages:\n  a:\n    cmd: b\n    depz: []\n"),
        "dvc.yaml does not fit DVC's schema",
        "extra keys not allowed",
        "dvc.yaml",
    ),
    "a circle": (
        pipeline(lambda stages: stages["download"]["deps"].append("report")),
        "the stages form a circle",
        "visualize",
        "dvc.yaml",
    ),
    "an output twice": (
        pipeline(lambda stages: stages["weights"]["outs"].append("report")),
        "two stages write the same path",
        "output 'report'",
        "dvc.yaml",
    ),
    "no such variable": (
        pipeline(lambda stages: stages["train"].update(cmd="echo ${train.nosuch}")),
        "the pipeline uses a param that does not exist",
        "Could not find 'train.nosuch'",
        "params.yaml",
    ),
    "merge in dvc.yaml": (
        merged("dvc.yaml"),
        "dvc.yaml holds both sides",
        "line 2: <<<<<<< HEAD, line 4: =",
        "dvc.yaml",
    ),
    "merge in params": (merged("params.yaml"), "params.yaml holds both sides", "line 2: <<<<<<< HEAD", "params.yaml"),
    "merge in dvc.lock": (merged("dvc.lock"), "dvc.lock holds both sides", "line 2: <<<<<<< HEAD", "dvc.lock"),
    "params of bytes": (write("params.yaml", b"\xff\xfe"), "params.yaml cannot be read", "codec", "params.yaml"),
    "params with a tab": (write("params.yaml", b"a:\n\tb: 1\n"), "params.yaml cannot be read", "line 2", "params.yaml"),
    "empty dvc.lock": (write("dvc.lock", b""), "dvc.lock cannot be read", "an empty file", "dvc.lock"),
    "dvc.lock cut off": (write("dvc.lock", b"schema: '2.0"), "dvc.lock cannot be read", "line 1", "dvc.lock"),
    "a newer dvc.lock": (write("dvc.lock", b"schema: '9.0'\n"), "dvc.lock cannot be read", "schema '9.0'", "dvc.lock"),
    "a torn config": (write(".dvc/config", b"[core\n"), "DVC's configuration cannot", "at line 1", ".dvc/config"),
    "no such option": (write(".dvc/config", b"[core]\nx = 1\n"), "DVC's configuration cannot", "['x']", ".dvc/config"),
    "no folder for DVC": (in_place_of(".dvc/tmp"), "a folder of the project cannot be used", ".dvc/tmp", "."),
    "no folder for its cache": (in_place_of(".dvc/cache"), "a folder of the project cannot be used", ".dvc/cache", "."),
}
RUN = {  # the fault, the stage -> what `dvc repro` is refused with
    "a param is missing": (
        pipeline(lambda stages: stages["train"]["params"].append("nosuch")),
        "train",
        "the pipeline uses a param that does not exist",
        "Parameters 'nosuch' are missing",
    ),
    "no params": (remove("params.yaml"), "train", "there is no params.yaml", "no file"),
    "empty params": (write("params.yaml", b""), "train", "params.yaml cannot be read", "an empty file"),
    "a dep is missing": (
        lambda mirror: (remove("stages/visualize")(mirror), mirror.set_line("visualize", "value: 51")),
        "visualize",
        "a file that a stage needs is missing",
        "stages/visualize",
    ),
    "data is missing": (
        remove("data/raw/dataset.zip", ".dvc/cache"),
        "prepare",
        "a file that a stage needs is missing",
        "data/raw/dataset.zip",
    ),
    "Git tracks an output": (
        tracked,
        "visualize",
        "Git tracks an output of the pipeline",
        "git rm -r --cached 'report'",
    ),
    "no such stage": (remove(), "nosuch", "there is no such stage", "nosuch"),
    "no cache": (in_place_of(".dvc/cache"), "visualize", "a folder of the project cannot be used", ".dvc/cache"),
}
PUSH = {  # the remote -> what `dvc push` is refused with
    "none": (["remote", "remove", "storage"], "the DVC remote is not configured"),
    "another": (["config", "core.remote", "nosuch"], "the DVC remote is not configured"),
    "of a kind not installed": (["remote", "add", "--default", "other", "hdfs://a/b"], "needs a package"),
    "in a file's place": (["remote", "modify", "storage", "url", "{path}/dvc.yaml/b"], "cannot be used"),
}


def check(error, problem, got, file=None):
    said = str(error)
    fields = dict(re.findall(r"^  (expected|got|file|next): +(.+?)(?=^  (?:got|file|next):|\Z)", said, re.M | re.S))
    assert problem in said.partition("\n  expected")[0], said
    assert got in fields["got"], said
    assert fields["expected"].strip(), said
    assert fields["next"].strip(), said
    if file:
        assert file in fields["file"], said


def read(directory):
    project = Project(project_root(directory))
    return [project.changes(stage.name) for stage in project.stages()]


@pytest.mark.parametrize("fault", READ)
def test_a_project_that_cannot_be_read(mirror, fault):
    change, problem, got, file = READ[fault]
    change(mirror)
    with pytest.raises(InputError) as refusal:
        read(mirror.path / "stages")
    check(refusal.value, problem, got, str(mirror.path / file))


@pytest.mark.parametrize("fault", RUN)
def test_a_stage_that_dvc_does_not_run(mirror, fault):
    change, stage, problem, got = RUN[fault]
    change(mirror)
    with pytest.raises(CommandError) as refusal:
        reproduce(mirror.path, stage, False, lambda _: None)
    check(refusal.value, problem, got)


@pytest.mark.parametrize("remote", PUSH)
def test_a_remote_that_cannot_be_used(mirror, remote):
    command, problem = PUSH[remote]
    mirror.run("dvc", *(word.format(path=mirror.path) for word in command))
    with pytest.raises(CommandError) as refusal:
        push_outputs(mirror.path, ["visualize"], lambda _: None)
    check(refusal.value, problem, "", ".dvc/config")
    assert refusal.value.may_pass, "it is tried again"


def test_a_stage_of_its_own_words_is_left_with_them(mirror):
    mirror.set_line("train", "value: 50, trouble: fail")
    with pytest.raises(CommandError) as failure:
        reproduce(mirror.path, "train", False, lambda _: None)
    assert failure.value.last == ["train says: value 50", "error: the input is bad"]


def test_experiments_need_git_and_say_so(mirror):
    remove(".git")(mirror)
    with pytest.raises(InputError) as refusal:
        list_experiments(mirror.path)
    check(refusal.value, "this is no Git repository", "not a git repository", str(mirror.path))
    output = mirror.run("sceneparse", "compare", expect=1)
    assert output.startswith("error: this is no Git repository\n  expected: ")
    assert "next:     git init" in output


def test_git_itself_may_be_missing(mirror, monkeypatch):
    monkeypatch.setenv("PATH", str(mirror.path))
    project = Project(mirror.path)
    assert not any(project.changes(stage.name) for stage in project.stages())
    output = subprocess.run(
        [shutil.which("sceneparse", path=mirror.environment["PATH"]), "sweep", "--dry-run", "train.seed=1"],
        cwd=mirror.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert output.returncode == 1
    assert "defect" not in output.stderr


def test_a_disk_without_space(tmp_path):
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text("a: {}\n")
    with pytest.raises(InputError) as refusal, dvc_understood(tmp_path):
        Path("/dev/full").write_bytes(b"x")
    check(refusal.value, "there is no space left", "No space left on device")
    assert isinstance(refusal.value, TransientError)


def test_every_command_names_the_line_of_a_merge(mirror):
    merged("params.yaml")(mirror)
    for command in (["run"], ["compare"], ["sweep", "train.seed=1"], ["serve"]):
        output = mirror.run("sceneparse", *command, expect=1)
        assert output.startswith("error: params.yaml holds both sides of a merge\n")
        assert f"file:     {mirror.path / 'params.yaml'}\n" in output
        assert "got:      line 2: <<<<<<< HEAD" in output


def test_a_run_needs_no_git(mirror, prefect_api):
    remove(".git")(mirror)
    mirror.set_line("evaluate", "value: 60")
    mirror.environment |= prefect_api.environment
    output = mirror.run("sceneparse", "run")
    verdicts = dict(re.findall(r"^(\w+) +(Cached|Completed)$", output, re.M))
    assert verdicts.items() >= dict.fromkeys(("download", "weights", "prepare", "train"), "Cached").items()
    assert verdicts.items() >= dict.fromkeys(("evaluate", "visualize"), "Completed").items()
    assert "mean IoU 0.6000" in output
    assert not (mirror.path / ".dvc/config.local").exists(), "after git init DVC knows of Git"
    mirror.run("git", "init", "--quiet")
    mirror.commit("now in Git")
    assert "up to date" in mirror.run("dvc", "status")
    assert mirror.run("sceneparse", "compare").startswith("experiment ")


def test_a_run_that_dvc_refuses_ends_in_our_words(mirror, prefect_api):
    tracked(mirror)
    mirror.environment |= prefect_api.environment
    output = mirror.run("sceneparse", "run", expect=1)
    check(output[output.index("error: ") :], "Git tracks an output of the pipeline", "report", str(mirror.path))
    assert "defect" not in output
