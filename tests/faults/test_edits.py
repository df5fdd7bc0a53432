"""Edits of params, code and sources while a stage runs: DVC reads them at its end, and must not record them for it."""

import hashlib
import subprocess
import time
from contextlib import contextmanager

import pytest
from daemons import PATIENCE
from datasets import write_archive
from ruamel.yaml import YAML
from servers import serving
from workspace import Workspace

SOURCE = "sources/mine.yaml"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    archive = tmp_path_factory.mktemp("served") / "dataset.zip"
    write_archive(archive)
    with serving(archive.read_bytes()) as served:
        yield served


@pytest.fixture
def workspace(served, tmp_path):
    """A workspace whose stage download waits, with the first bytes, until `served.freed`."""
    workspace = Workspace(tmp_path / "project")
    digest, size = hashlib.sha256(served.content).hexdigest(), len(served.content)
    (workspace.path / SOURCE).write_text(f"url: {served.url}\ndigest: sha256:{digest}\nsize_bytes: {size}\n")
    workspace.set_param("download.source", SOURCE)
    served.stalls_after, served.log = 10, []
    served.freed.clear()
    return workspace


@contextmanager
def downloading(workspace, served):
    """Run stage download by DVC: the block runs in the middle of it."""
    process = subprocess.Popen(
        ["dvc", "repro", "download"], cwd=workspace.path, env=workspace.environment, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + PATIENCE
    while not served.log and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    yield process
    served.freed.set()
    process.said = process.communicate(timeout=PATIENCE)[1]


def recorded(workspace):
    """Params of stage download in dvc.lock."""
    lock = workspace.path / "dvc.lock"
    return YAML(typ="safe").load(lock)["stages"]["download"]["params"]["params.yaml"] if lock.exists() else None


@pytest.mark.parametrize("edited", ["section download of params.yaml", "its code", SOURCE])
def test_what_a_stage_depends_on_is_edited_while_it_runs(workspace, served, edited):
    params, code, source = (workspace.path / name for name in ("params.yaml", "sceneparse/fetch/receiving.py", SOURCE))
    before = {path: path.read_bytes() for path in (params, code, source)}
    with downloading(workspace, served) as process:
        if edited.startswith("section"):
            workspace.set_param("download.demo.seed", 1)
        else:
            file = code if edited == "its code" else source
            file.write_text(file.read_text() + "\n")
    assert process.returncode
    assert f"changes of {edited}" in process.said
    assert recorded(workspace) is None

    for path, content in before.items():
        path.write_bytes(content)
    workspace.run("dvc", "repro", "download")
    assert recorded(workspace)["download"]["demo"]["seed"] == 0


def test_what_another_stage_depends_on_may_be_edited(workspace, served):
    with downloading(workspace, served) as process:
        workspace.set_param("train.epochs", 99)
        code = workspace.path / "stages/train/losses.py"
        code.write_text(code.read_text() + "\n")
    assert process.returncode == 0, process.said
    assert recorded(workspace)["download"]["demo"]["seed"] == 0
