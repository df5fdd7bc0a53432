"""Datasets in directories of which something cannot be read: it is named for what it is, by check and by convert."""

import shlex
import zipfile
from functools import partial

import command
import pytest
from datasets import write_archive
from mask_styles import camvid

from sceneparse.convert.inspection import inspect
from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.layout import CLASS_TABLE, SCENES
from stages.download.stage import pack


@pytest.fixture
def dataset(tmp_path):
    """A directory without faults."""
    write_archive(tmp_path / "dataset.zip", root="")
    with zipfile.ZipFile(tmp_path / "dataset.zip") as archive:
        archive.extractall(tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture
def sceneparse(tmp_path, unprivileged):
    return partial(command.sceneparse, cwd=tmp_path, before=unprivileged)


@pytest.fixture
def locked():
    """Take away rights, and give them back for the sake of whoever tidies up."""
    before = {}

    def lock(path, mode=0o000):
        before.setdefault(path, path.stat().st_mode)
        path.chmod(mode)

    yield lock
    for path, mode in reversed(before.items()):
        path.chmod(mode)


@pytest.mark.parametrize(
    ("link", "target", "kind", "text"),
    [
        ("images/training/zz.jpg", "nowhere", "image_alone", "a link to nowhere, where no file is"),
        ("annotations/validation/zz.png", "zz.png", "annotation_alone", "a link to zz.png, where no file is"),
        ("images/training/training_0002.jpg", "nowhere", "image_unreadable", "image: a link to nowhere: No such file"),
        ("images/training/training_0002.png", "nowhere", "image_unreadable", "image: a link to nowhere: No such file"),
        ("annotations/training/training_0002.png", "../x", "annotation_unreadable", "annotation: a link to ../x: No "),
        (CLASS_TABLE, "nowhere", "class_table", "a link to nowhere: No such file"),
        (SCENES, "nowhere", "scenes", "a link to nowhere: No such file"),
    ],
)
def test_links_that_lead_nowhere_are_errors(dataset, link, target, kind, text):
    (dataset / link).unlink(missing_ok=True)
    (dataset / link).symlink_to(target)
    report = inspect(dataset, 4)
    findings = report.of_severity(error=True)[kind]
    assert [finding.where for finding in findings if finding.text.startswith(text)] == [link]
    with pytest.raises(InputError, match=f"links that lead nowhere: {link}\n"):
        pack(dataset, dataset.parent / "packed.zip")


def test_a_link_that_no_stage_reads_is_passed_over(dataset):
    (dataset / "images/test").mkdir()
    (dataset / "images/test/a.jpg").symlink_to("nowhere")
    (dataset / "annotations/training/notes").symlink_to("nowhere")
    assert inspect(dataset, 4).findings == [
        ("passed_over", "annotations/training", "1 x *"),
        ("passed_over", "images/test", "1 x *.jpg"),
    ]
    pack(dataset, dataset.parent / "packed.zip")


def test_links_to_files_and_folders_are_followed(dataset, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for kind, suffix in (("images", "jpg"), ("annotations", "png")):
        (dataset / kind / "validation").rename(tmp_path / "elsewhere" / kind)
        (dataset / kind / "validation").symlink_to(tmp_path / "elsewhere" / kind)
        picture = dataset / f"{kind}/training/training_0002.{suffix}"
        picture.rename(tmp_path / "elsewhere" / picture.name)
        picture.symlink_to(tmp_path / "elsewhere" / picture.name)
    assert inspect(dataset, 4).findings == []
    with Archive(dataset) as archive:
        assert [len(archive.pairs(split)) for split in ("training", "validation")] == [6, 3]


@pytest.mark.parametrize(
    ("place", "mode", "named"),
    [
        ("annotations/validation", 0o000, "set/annotations/validation"),
        ("annotations/validation", 0o444, "set/annotations/validation/validation_000"),  # listed, but not entered
        ("images", 0o000, "set/images/training"),
        ("", 0o000, "set"),
    ],
)
def test_a_directory_that_cannot_be_read_is_refused(dataset, sceneparse, locked, place, mode, named):
    locked(dataset / place, mode)
    done = sceneparse("check", "set")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Permission denied: '{named}" in done.stderr
    assert "the dataset cannot be opened" in done.stderr


def test_what_else_cannot_be_read_is_found(dataset, sceneparse, locked):
    """A picture is an error like others; a folder of no split matters little, one beside the dataset not at all."""
    for folder in ("images/test", "lost+found"):
        (dataset / folder).mkdir()
        locked(dataset / folder)
    assert sceneparse("check", "set").returncode == 0
    locked(dataset / "images/training/training_0002.jpg")
    done = sceneparse("check", "set")
    assert (done.returncode, done.stderr) == (1, "")
    assert "images/training/training_0002.jpg: image: [Errno 13] Permission denied" in done.stdout
    assert "warning: ignored files (1)\n    images/test: Permission denied\n" in done.stdout
    assert "1 errors, 1 warnings" in done.stdout


@pytest.mark.parametrize(
    ("place", "mode", "named"), [("outer/inner", 0o000, "'outer/inner/"), ("outer", 0o311, "'outer'")]
)
def test_without_a_class_table_elsewhere_a_locked_folder_is_told(dataset, sceneparse, locked, place, mode, named):
    """The dataset may begin in it, or below it."""
    (dataset.parent / "outer").mkdir()
    dataset.rename(dataset.parent / "outer/inner")
    locked(dataset.parent / place, mode)
    done = sceneparse("check", "outer")
    assert done.returncode == 1
    assert f"Permission denied: {named}" in done.stderr


def test_places_that_are_missing_are_not_called_unreadable(tmp_path):
    assert {finding.kind for finding in inspect(tmp_path, 4).findings} == {"class_table", "empty"}


@pytest.mark.parametrize("folder", ["raw/below", "labels"])
def test_convert_refuses_a_folder_that_cannot_be_read(tmp_path, sceneparse, locked, folder):
    line = camvid(tmp_path)
    (tmp_path / folder).mkdir(exist_ok=True)
    locked(tmp_path / folder)
    done = sceneparse("convert", *shlex.split(line))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"got:      {folder}: Permission denied\n" in done.stderr
    assert not (tmp_path / "set.zip").exists()
