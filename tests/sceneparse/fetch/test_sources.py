"""Paths in params, through DVC: changed data is noticed, nothing else reruns, and no shell reads a name."""

import difflib
import json
import shlex
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from datasets import write_archive
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML
from servers import serving
from workspace import Workspace, tiny

from pipeline.repro.param_paths import check_inputs, check_params
from pipeline.repro.project import Project
from sceneparse.core.errors import InputError
from sceneparse.core.files import file_digest
from sceneparse.params.presets import params_text, preset_names

ROOT = Path(__file__).parents[3]
AWKWARD = ("my $(touch INJECTED) set", "`touch INJECTED`; q'uo\"te", "-ü😀 #\\", "x${train.seed}")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc"),  # its own, of a library that it uses
]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return tiny(Workspace(tmp_path_factory.mktemp("sources") / "project"))


@pytest.fixture
def workspace(original, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site-cache"))  # for DVC in this process, too
    return original.copy(tmp_path / "project")


def reran(workspace, stage="download"):
    return f"Running stage '{stage}'" in workspace.run("dvc", "repro", stage)


def changed(workspace, stage="download"):
    """Return the dependencies that `dvc status` calls changed, without starting a process."""
    entries = [entry for entries in Project(workspace.path).changes(stage) for entry in entries]
    return [name for entry in entries for name in entry.get("changed deps", {})]


def refused(workspace, *command):
    """Return the output of a command that fails with status 1, or with DVC's 255 after the stage's 1."""
    said = workspace.run(*command, expect=255 if command[0] == "dvc" else 1)
    assert all(f"  {part}:" in said for part in ("expected", "got", "file", "next")), said
    assert "Traceback" not in said
    return said


def unpacked(archive, folder):
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    return folder


def test_a_replaced_zip_is_noticed(workspace):
    source = write_archive_at(workspace.path / "set.zip", seed=0)
    workspace.set_param("download.source", "set.zip")
    assert reran(workspace)
    assert not reran(workspace)
    assert "up to date" in workspace.run("dvc", "status", "download")
    first = workspace.read("data/raw/dataset.zip")
    write_archive_at(source, seed=1)
    assert changed(workspace) == ["set.zip"]
    assert reran(workspace)
    assert workspace.read("data/raw/dataset.zip") == source.read_bytes() != first
    workspace.set_param("download.digest", f"md5:{'0' * 32}")
    said = refused(workspace, "dvc", "repro", "download")
    assert "does not match its pinned digest" in said
    assert "download.digest of params.yaml" in said
    assert not (workspace.path / "data/raw/dataset.zip").exists()


def write_archive_at(path, seed):
    write_archive(path, training=2, validation=1, seed=seed)
    return path


@pytest.mark.parametrize("linked", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_a_directory_is_watched_to_its_last_file(workspace, tmp_path, linked):
    folder = unpacked(write_archive_at(tmp_path / "set.zip", 0), tmp_path / "set")
    if linked:
        (workspace.path / "link").symlink_to(folder)
    name = "link" if linked else str(folder)
    workspace.set_param("download.source", name)
    assert reran(workspace)
    assert changed(workspace) == []
    (picture,) = folder.rglob("training_0000.jpg")
    content = picture.read_bytes()
    picture.write_bytes(content + b"\0")
    assert changed(workspace) == [name]
    picture.write_bytes(content)
    assert changed(workspace) == []
    for path in list(folder.rglob("training_0000.*")):
        shutil.copy(path, path.with_stem("added"))
    assert changed(workspace) == [name]
    assert "3 training and 1 validation pairs" in workspace.run("dvc", "repro", "download")


@pytest.mark.exhaustive
def test_an_imported_dataset_that_is_updated_is_noticed(workspace, tmp_path):
    registry = workspace.copy(tmp_path / "registry")
    write_archive_at(registry.path / "scenes.zip", 0)
    registry.run("dvc", "add", "--quiet", "scenes.zip")
    registry.commit("scenes")
    workspace.run("dvc", "import", "--quiet", str(registry.path), "scenes.zip", "--out", "scenes.zip")
    workspace.set_param("download.source", "scenes.zip")
    assert reran(workspace)
    assert changed(workspace) == []
    write_archive_at(registry.path / "scenes.zip", 1)
    registry.run("dvc", "add", "--quiet", "scenes.zip")
    registry.commit("other scenes")
    workspace.run("dvc", "update", "--quiet", "scenes.zip.dvc")
    assert changed(workspace) == ["scenes.zip"]
    assert reran(workspace)
    assert workspace.read("data/raw/dataset.zip") == (registry.path / "scenes.zip").read_bytes()
    (workspace.path / "scenes.zip").unlink()
    project = Project(workspace.path)
    with pytest.raises(InputError, match=r"next: +dvc pull scenes\.zip"):
        check_inputs(project, project.stages("download"))


def test_a_server_is_asked_once_even_if_the_source_file_changes(workspace, tmp_path):
    workspace.environment["NO_PROXY"] = "127.0.0.1"
    content = write_archive_at(tmp_path / "set.zip", 0).read_bytes()
    source = workspace.path / "sources/mine.yaml"
    workspace.set_param("download.source", "sources/mine.yaml")
    with serving(content) as served:
        source.write_text(f"url: {served.url}\ndigest: {file_digest(tmp_path / 'set.zip')}\n")
        assert reran(workspace)
        assert workspace.read("data/raw/dataset.zip") == content
        assert not reran(workspace)
        assert len(served.log) == 1
        source.write_text(f"# mine\n{source.read_text()}")
        assert changed(workspace) == ["sources/mine.yaml"]
        assert reran(workspace)
        assert len(served.log) == 1


def test_the_demo_and_no_weights_are_up_to_date_once_made(workspace):
    for stage in ("download", "weights"):
        assert reran(workspace, stage)
        assert changed(workspace, stage) == []


@pytest.mark.exhaustive
def test_any_name_of_a_dataset_is_data(workspace, tmp_path):
    archive = write_archive_at(tmp_path / "set.zip", 0)
    for name in AWKWARD:
        path = workspace.path / f"{name}.zip"
        shutil.copy(archive, path)
        workspace.set_param("download.source", path.name)
        assert reran(workspace), name
        assert {path.name for path in workspace.path.glob("*INJECTED")} == set()
    assert changed(workspace) == []


def test_no_param_is_part_of_a_command():
    for name, stage in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].items():
        assert "${" not in stage["cmd"], name
        assert all("${" not in out for out in stage["outs"]), name


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("download.source", "demo", "write sources/demo.yaml"),
        ("download.source", "absent.zip", "fix download.source in params.yaml"),
        ("weights.source", "absent.h5", "model.width"),
        ("train.start_from", "absent.keras", "fix train.start_from in params.yaml"),
    ],
)
def test_what_dvc_cannot_watch_is_refused_before_dvc_starts(workspace, key, value, said):
    workspace.set_param(key, value)
    with pytest.raises(InputError) as error:
        check(workspace.path)
    assert said in str(error.value)


def test_run_refuses_params_before_it_starts_a_server(workspace):
    workspace.set_param("download.source", "demo")
    workspace.environment = {**workspace.environment, "PREFECT_HOME": str(workspace.path / "prefect")}
    said = workspace.run("sceneparse", "run", expect=1)
    assert "write sources/demo.yaml" in said
    assert not (workspace.path / "prefect").exists()


def check(root):
    """Check params and inputs like the flow before it runs."""
    check_params(root)
    project = Project(root)
    check_inputs(project, project.stages())


@pytest.mark.exhaustive
def test_a_sweep_takes_data_along_that_git_does_not_know(workspace):
    definition = YAML(typ="safe").load(workspace.path / "dvc.yaml")["stages"]["download"]
    stages = {"download": definition, "visualize": {"cmd": "true --scores metrics/evaluate.json"}}
    (workspace.path / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    write_archive_at(workspace.path / "datasets set.zip", 0)
    with (workspace.path / ".gitignore").open("a") as file:
        file.write("*.zip\n")
    workspace.set_param("download.source", "datasets set.zip")
    workspace.commit("data that Git ignores")
    assert " ran " in workspace.run("sceneparse", "sweep", "download.demo.seed=1")


@pytest.fixture
def bare(workspace, tmp_path):
    """Return the workspace with an inactive environment in .venv: no command is on the path."""
    (workspace.path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "bin").mkdir()
    workspace.environment = {**workspace.environment, "PATH": str(tmp_path / "bin"), "SHELL": "/bin/sh"}
    workspace.environment.pop("VIRTUAL_ENV", None)
    return workspace


def python(folder, script):
    (folder / "python").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "python").chmod(0o755)


REPRO = (".venv/bin/python", "-m", "dvc", "repro", "weights")


def test_an_environment_need_not_be_activated(bare, tmp_path):
    assert "Running stage 'weights'" in bare.run(*REPRO)
    assert bare.read("data/raw/backbone/backbone.json")
    python(tmp_path / "bin", f'echo "$0" > used; exec {shlex.quote(sys.executable)} "$@"')
    bare.run(*REPRO, "--force")
    assert bare.read("used").decode().strip() == str(tmp_path / "bin/python"), "an active environment takes precedence"


def test_a_python_without_the_packages_says_so(bare, tmp_path):
    python(tmp_path / "bin", f'exec {shlex.quote(sys.executable)} -S "$@"')
    said = bare.run(*REPRO, expect=255)
    assert "this Python cannot run the stages" in said
    assert "No module named" in said
    assert ". .venv/bin/activate" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("preset", preset_names())
def test_an_experiment_changes_no_line_but_its_own(preset, tmp_path):
    """Override params with the function behind `dvc exp run -S`, and with a sweep's."""
    path, text = tmp_path / "params.yaml", params_text(preset)
    before = text.splitlines()
    for override in ("train.epochs=77", "train.weight_decay=0.00012", "train.augment.crop=96", "download.source=a b"):
        path.write_text(text)
        apply_overrides(path, [override])
        removed, added = (
            [line[1:] for line in difflib.ndiff(before, path.read_text().splitlines()) if line[0] == sign]
            for sign in "-+"
        )
        key = override.partition("=")[0].rpartition(".")[2]
        assert [line.split(":")[0].strip() for line in removed] == [key], removed
        assert [line.split(":")[0].strip() for line in added] == [key], added
        assert ("#" in removed[0]) == ("#" in added[0])
    path.write_text(text)
    apply_overrides(path, ["evaluate.scales=[0.75,1.0]"])
    changes = [line for line in difflib.ndiff(before, path.read_text().splitlines()) if line[0] in "-+"]
    assert changes == ["+   - 0.75"]
