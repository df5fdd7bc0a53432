"""Stages and commands on disks that are full, read-only or forbidden: the error, its status, the old output whole."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command import ENVIRONMENT, command, sceneparse
from datasets import write_archive
from disks import small_disk
from stage_process import refused, stage

from sceneparse.core.errors import TRY_AGAIN

ROOT = Path(__file__).parents[2]


def draw(folder, *before, limits=None):
    """Run stage download, which draws some scenes."""
    return stage("download", folder, *before, limits=limits, cache="cache", dataset="out/set.zip")


@pytest.fixture
def drawing(tmp_path):
    """A folder with params for few scenes, and the output of an earlier run."""
    return prepared(tmp_path)


def prepared(folder):
    text = (ROOT / "params.yaml").read_text().replace("training: 240", "training: 2").replace("ion: 60", "ion: 1")
    (folder / "params.yaml").write_text(text)
    (folder / "out").mkdir()
    (folder / "out/set.zip").write_text("old")
    return folder


def kept(folder):
    """Check that the old output is whole, and alone."""
    assert {path.name: path.read_text() for path in (folder / "out").iterdir()} == {"set.zip": "old"}


@pytest.mark.slow
def test_a_file_that_grows_beyond_ulimit(drawing):
    refused(draw(drawing, limits={"FSIZE": 4096}), 1, os.strerror(errno.EFBIG), "out/set.zip", "ulimit -f")
    kept(drawing)


@pytest.mark.slow
def test_too_many_open_files(drawing):
    """The pipes of prepare's processes need some."""
    write_archive(drawing / "set.zip")
    done = stage("prepare", drawing, limits={"NOFILE": 12}, dataset="set.zip", records="out/records")
    refused(done, TRY_AGAIN, os.strerror(errno.EMFILE), "ulimit -n")
    kept(drawing)


@pytest.mark.slow
def test_a_folder_that_may_not_be_written(drawing, unprivileged):
    (drawing / "out").chmod(0o500)
    try:
        refused(draw(drawing, *unprivileged), 1, os.strerror(errno.EACCES), "out/", "ls -ld")
    finally:
        (drawing / "out").chmod(0o700)
    kept(drawing)


@pytest.mark.slow
def test_a_read_only_and_a_full_disk(tmp_path):
    with small_disk(tmp_path, size="1m") as disk:
        folder = prepared(disk.path)
        disk.fill()
        refused(draw(folder), TRY_AGAIN, os.strerror(errno.ENOSPC), "out/set.zip", "0.0 MB free", "df -h")
        kept(folder)
        disk.clear()
        disk.read_only()
        refused(draw(folder), 1, os.strerror(errno.EROFS), "out/")
        kept(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["a folder in place of the file", "a file in place of the folder"])
def test_something_else_in_its_place(drawing, kind):
    if kind.startswith("a folder"):
        (drawing / "out/set.zip").unlink()
        (drawing / "out/set.zip/in").mkdir(parents=True)
        refused(draw(drawing), 1, os.strerror(errno.EISDIR), "out/set.zip")
        assert [path.name for path in (drawing / "out").iterdir()] == ["set.zip"]
    else:
        shutil.rmtree(drawing / "out")
        (drawing / "out").write_text("mine")
        refused(draw(drawing), 1, "out")
        assert (drawing / "out").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize("source", ["zip", "folder"])
def test_a_dataset_that_does_not_fit_is_not_begun(tmp_path, source):
    with small_disk(tmp_path, size="200k") as disk:
        folder = prepared(disk.path)
        write_archive(tmp_path / "set.zip", training=40, sides=(90, 120))
        if source == "folder":
            shutil.unpack_archive(tmp_path / "set.zip", tmp_path / "set")
        text = (folder / "params.yaml").read_text()
        path = tmp_path / ("set.zip" if source == "zip" else "set")
        (folder / "params.yaml").write_text(text.replace("source: sources/demo.yaml", f"source: {path}"))
        refused(draw(folder), TRY_AGAIN, "MB for this file", "0.2 MB free")
        kept(folder)


@pytest.mark.slow
def test_records_that_do_not_fit_are_not_begun(tmp_path):
    """The first records tell how large all of them will be."""
    with small_disk(tmp_path, size="200k") as disk:
        folder = prepared(disk.path)
        write_archive(tmp_path / "set.zip", training=40)
        (folder / "records").mkdir()
        (folder / "records/old").write_text("old")
        done = stage("prepare", folder, dataset=tmp_path / "set.zip", records="records")
        refused(done, TRY_AGAIN, "too little space", "MB for this file or folder", "MB free")
        assert {path.name for path in folder.iterdir()} == {"params.yaml", "out", "records"}
        assert [path.name for path in (folder / "records").iterdir()] == ["old"]


def test_standard_output_on_a_full_disk(tmp_path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("completion", "bash"), cwd=tmp_path, env=ENVIRONMENT, stdout=full, stderr=-1, text=True, check=False
        )
    refused(done, TRY_AGAIN, os.strerror(errno.ENOSPC), "standard output")


def test_a_command_in_a_folder_that_may_not_be_written(tmp_path, unprivileged):
    tmp_path.chmod(0o500)
    refused(sceneparse("preset", "demo", cwd=tmp_path, before=unprivileged), 1, "params.yaml")
    assert list(tmp_path.iterdir()) == []
