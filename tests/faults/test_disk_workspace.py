"""A whole workspace on a disk that is full: each stage, the commands, and a training that resumes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import ENVIRONMENT
from disks import small_disk
from ruamel.yaml import YAML
from stage_process import refused, stage

from sceneparse.core.errors import TRY_AGAIN

pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).parents[2]
FULL = os.strerror(28)
STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


def run_stage(name, disk):
    """Run a stage on the disk, with the paths that dvc.yaml gives it."""
    words = STAGES[name]["cmd"].partition(f"-m stages.{name} ")[2].split()
    paths = {flag[2:].replace("-", "_"): path for flag, path in zip(words[::2], words[1::2], strict=True)}
    return stage(name, disk.path, cwd=disk.path, **paths)


def content(folder):
    """Every file's bytes, without training's state."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "filler")
    state = folder / "state"
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if not path.is_relative_to(state)}


@pytest.fixture
def disk(tmp_path, trained):
    """A disk with what the stages wrote, params.yaml and sources."""
    with small_disk(tmp_path, size="60m") as disk:
        for name in ("data", "models", "metrics", "report", "sources"):
            shutil.copytree(trained.path / name, disk.path / name)
        shutil.copy(trained.path / "params.yaml", disk.path)
        yield disk


def test_each_stage_leaves_its_old_output(disk):
    before = content(disk.path)
    disk.fill()
    for name in STAGES:
        refused(run_stage(name, disk), TRY_AGAIN, "0.0 MB free")
        assert content(disk.path) == before, name
    disk.clear()
    disk.read_only()
    for name in ("download", "weights", "prepare", "train"):  # the others compute first
        refused(run_stage(name, disk), 1, os.strerror(30))
        assert content(disk.path) == before, name


def test_a_training_resumes_once_there_is_space(disk):
    """The first run stops at its first checkpoint, and ends with the bytes that it had with enough space."""
    before = content(disk.path)
    for name in ("models", "metrics/training"):
        shutil.rmtree(disk.path / name)
    disk.fill(leave=400_000)
    refused(run_stage("train", disk), TRY_AGAIN, FULL)
    assert list((disk.path / "models").iterdir()) == []
    disk.clear()
    done = run_stage("train", disk)
    assert done.returncode == 0, done.stderr
    assert content(disk.path) == before


def test_commands(tmp_path, trained):
    """None of them ends with 'This is a defect'; each says what to do, and can be tried again."""
    with small_disk(tmp_path, size="80m") as disk:
        shutil.copytree(trained.path, disk.path / "project", symlinks=True)
        environment = {**trained.environment, "PYTHONPATH": ENVIRONMENT["PYTHONPATH"]}
        environment |= {"PREFECT_HOME": str(tmp_path / "prefect"), "DVC_SITE_CACHE_DIR": str(tmp_path / "site-cache")}

        def run(*words):
            inside = [*disk.enter, "sh", "-c", 'cd "$0" && exec "$@"', str(disk.inside / "project")]
            # Without -W error: DVC has warnings of its own.
            words = [*inside, sys.executable, "-m", "pipeline.cli.main", *words]
            return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

        disk.fill()
        for words in (["run", "--force"], ["preset", "demo"], ["export", "--format", "savedmodel"]):
            refused(run(*words), TRY_AGAIN, "0.0 MB free")
        picture = next((disk.path / "project/report/pictures").glob("*.png"))
        refused(run("predict", "report/pictures/" + picture.name), TRY_AGAIN, FULL)
        swept = run("sweep", "train.epochs=1")
        assert (swept.returncode, "defect" in swept.stderr) == (TRY_AGAIN, False)
        assert "No space left" in swept.stderr
        disk.clear()
        disk.read_only()
        for words in (["run", "--force"], ["sweep", "train.epochs=1"], ["compare"], ["preset", "demo"]):
            refused(run(*words), 1, os.strerror(30))
