"""Two writers of one output: the second one's error names the first, files stay whole, and the dead leave nothing."""

import os
import signal
import subprocess
import sys

import pytest
from command import ENVIRONMENT, sceneparse
from PIL import Image
from prepare_process import Prepare, wait_for_end
from small_model import save_small_model

from sceneparse.core.errors import TRY_AGAIN, BusyError
from sceneparse.core.files import atomic_directory, atomic_write, write_text
from sceneparse.core.locks import output_lock

# Several writers of one file and one of a directory, killed as they write.
KILLED = """
import os, signal, sys
from contextlib import ExitStack
from pathlib import Path
from sceneparse.core.files import atomic_directory, atomic_write

file, folder = Path(sys.argv[1]), Path(sys.argv[2])
with ExitStack() as held:
    for _ in range(3):
        held.enter_context(atomic_write(file)).write(b"from a dead writer" * 10_000)
    (held.enter_context(atomic_directory(folder)) / "dead").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""

KILLED_EXPORT = """
import os, signal, sys
from dataclasses import replace
import pipeline.cli.main, sceneparse.export.export as export

def write(model, path, *_):
    path.write_text("half of it")
    os.kill(os.getpid(), signal.SIGKILL)

export.FORMATS["onnx"] = replace(export.FORMATS["onnx"], write=write)
pipeline.cli.main.main()
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_of_two_writers_of_a_file_the_last_to_end_wins(tmp_path):
    path = tmp_path / "file"
    with atomic_write(path) as last:
        last.write(b"last ")
        with atomic_write(path) as first:
            first.write(b"first, and longer")
        assert path.read_bytes() == b"first, and longer"
        last.write(b"wins")
    assert path.read_bytes() == b"last wins"
    assert names(tmp_path) == ["file"]


def test_a_second_writer_of_a_directory_is_refused_and_the_first_goes_on(tmp_path):
    path = tmp_path / "folder"
    with atomic_directory(path) as directory:
        (directory / "one").touch()
        with pytest.raises(BusyError) as refused, atomic_directory(path):
            pass
        (directory / "two").touch()
    assert refused.value.got.startswith(f"process {os.getpid()} on ")
    assert str(path) in refused.value.problem
    assert names(path) == ["one", "two"]
    assert names(tmp_path) == ["folder"]


def test_files_in_a_directory_that_is_being_filled(tmp_path):
    with atomic_directory(tmp_path / "folder") as directory:
        with atomic_directory(directory / "inner") as inner:
            write_text(inner / "file", "inner")
        write_text(directory / "file", "outer")
        assert names(directory) == ["file", "inner"]
    assert names(tmp_path) == ["folder"]
    assert (tmp_path / "folder/inner/file").read_text() == "inner"


def test_directories_whose_names_begin_alike(tmp_path):
    with atomic_directory(tmp_path / "folder.zip") as other:
        (other / "file").touch()
        with atomic_directory(tmp_path / "folder") as directory:
            (directory / "file").touch()
    assert names(tmp_path) == ["folder", "folder.zip"]
    assert names(tmp_path / "folder") == names(tmp_path / "folder.zip") == ["file"]


def test_the_next_writer_removes_what_dead_ones_left_and_nothing_of_a_living_one(tmp_path, root):
    file, folder = tmp_path / "file", tmp_path / "folder"
    with atomic_write(file) as living:
        subprocess.run([sys.executable, "-c", KILLED, file, folder], cwd=root, check=False)
        assert len(names(tmp_path)) == 1 + 3 + 2, "the living one's file, three, a directory and its lock"
        living.write(b"from a living writer")
        write_text(file, "short")
        assert len(names(tmp_path)) == 1 + 1 + 2, "the living one's file, the target, the directory and its lock"
        with atomic_directory(folder) as directory:
            assert names(directory) == []
        assert file.read_bytes() == b"short"
    assert file.read_bytes() == b"from a living writer"
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.slow
def test_the_next_export_removes_what_a_killed_one_left(tmp_path):
    model, out = save_small_model(tmp_path), tmp_path / "exports"
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (90, 60)).save(tmp_path / "photos/a.png")
    words = ["export", "--format", "onnx", "--model", model, "--pictures", tmp_path / "photos", "--out", out]
    killed = [sys.executable, "-c", KILLED_EXPORT, *words]
    assert subprocess.run(killed, cwd=tmp_path, env=ENVIRONMENT, check=False).returncode == -signal.SIGKILL
    assert sorted(path.name for path in out.rglob("*.onnx")) == ["fcn8s.onnx"], "unfinished, in a folder of its own"
    assert not (out / "fcn8s.onnx").exists()
    done = sceneparse(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert names(out) == ["fcn8s.onnx", "fcn8s.onnx.json"]


@pytest.mark.slow
def test_a_second_prepare_is_told_who_the_first_is(tmp_path):
    """The first is killed in the end: the second, which then may, removes what it left."""
    stage = Prepare(tmp_path / "place", size=512)
    first = stage.start()
    family = stage.wait_for_shard(first)
    stage.log.unlink()
    second = stage.start()
    assert second.wait() == TRY_AGAIN
    assert f"process {first.pid} on " in stage.log.read_text()
    assert first.poll() is None
    first.kill()
    first.wait()
    assert wait_for_end(family) == []
    assert len(stage.left_over()) == 2, "a directory and its lock"
    third = Prepare(tmp_path / "place", size=32, pairs=20)
    assert third.start().wait() == 0
    assert third.is_whole()


@pytest.mark.exhaustive
@pytest.mark.parametrize("times", [12])
def test_one_of_two_that_start_together_writes_whole_records(tmp_path, times):
    stage = Prepare(tmp_path / "place", size=64)
    for _ in range(times):
        both = [stage.start(), stage.start()]
        assert sorted(process.wait() for process in both) == [0, TRY_AGAIN]
        assert stage.is_whole()


@pytest.mark.exhaustive
def test_a_repro_that_meets_the_stage_of_a_killed_one(tmp_path):
    """The orphan is stopped, as a stage in a long computation would be: it cannot notice that DVC has gone."""
    stage = Prepare(tmp_path / "place", size=256)
    stage.make_repository()
    dvc = stage.dvc_repro()
    family = stage.wait_for_shard(dvc)
    for process in family:
        process.send_signal(signal.SIGSTOP)
    dvc.kill()
    dvc.wait()
    again = stage.dvc_repro()
    assert again.wait() != 0
    said = stage.log.read_text()
    assert f"exited with {TRY_AGAIN}" in said
    assert any(f"process {process.pid} on " in said for process in family)
    for process in family:
        process.send_signal(signal.SIGCONT)
    assert wait_for_end(family) == []
    assert stage.dvc_repro().wait() == 0
    assert stage.is_whole()


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("stage", "output"),
    [
        ("download", "data/raw/dataset.zip"),
        ("weights", "state/download/backbone.h5"),
        ("prepare", "data/records"),
        ("train", "models/fcn8s.keras"),
        ("evaluate", "metrics/evaluate.json"),
        ("visualize", "report"),
    ],
)
def test_every_stage_refuses_while_its_output_is_being_written(trained, tmp_path, stage, output):
    workspace = trained.copy(tmp_path / "project")
    with output_lock(workspace.path / output):
        said = workspace.run("dvc", "repro", "--force", "--single-item", stage, expect=255)
        assert f"process {os.getpid()} on " in said
        assert f"exited with {TRY_AGAIN}" in said
        assert workspace.run("git", "status", "--porcelain") == ""
    workspace.run("dvc", "repro", stage)
