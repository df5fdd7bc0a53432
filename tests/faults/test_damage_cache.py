"""A bit that flips in DVC's cache or in an output, and a dvc.lock that was torn: found, named and repaired."""

import json
import os
import stat
import threading
import time
from pathlib import Path

import pytest
from mirror import Mirror

from pipeline.repro.integrity import MEMORY, Outputs, damaged_objects, repair
from pipeline.repro.lockfile import COPY, keep_copy, restore_torn
from pipeline.repro.project import Project
from sceneparse.core.errors import InputError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc"),  # its own, of a library that it uses
]

MODEL = "models/fcn8s.keras"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A mirror whose stages have run, its dvc.lock committed. Not to be changed."""
    mirror = Mirror(tmp_path_factory.mktemp("ran") / "project")
    mirror.run("dvc", "repro")
    mirror.commit("ran")
    return mirror


@pytest.fixture
def mirror(ran, tmp_path):
    ran.run("cp", "-a", str(ran.path), str(tmp_path / "project"))
    return Mirror(tmp_path / "project")


def flip(path):
    """Flip a bit as a failing disk does: time, size and mode stay."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(stat.S_IMODE(before.st_mode))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cached(mirror, out):
    """Return the cache's object of an output that is a file."""
    (digest,) = (each.hash_info.value for each in Project(mirror.path).outs("train") if each.def_path == out)
    return mirror.path / f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}"


def restore_from_damaged_cache(mirror):
    """Damage the model's object, and let DVC restore the model from it."""
    good, damaged = (mirror.path / MODEL).read_bytes(), cached(mirror, MODEL)
    flip(damaged)
    (mirror.path / MODEL).unlink()
    mirror.run("dvc", "checkout")
    assert "up to date" in mirror.run("dvc", "status")
    assert (mirror.path / MODEL).read_bytes() != good
    return good, damaged


@pytest.mark.exhaustive
def test_dvc_itself_brings_the_damage_back(mirror):
    """Should this fail one day, DVC has learned to look, and less is left to do here."""
    good, damaged = restore_from_damaged_cache(mirror)
    mirror.run("dvc", "repro", "--force", "--single-item", "train")
    assert (mirror.path / MODEL).read_bytes() == damaged.read_bytes() != good


def test_a_damaged_object_and_its_output_are_found_and_removed(mirror):
    good, damaged = restore_from_damaged_cache(mirror)
    project = Project(mirror.path)
    assert Outputs(project).damaged("train") == [mirror.path / MODEL]
    assert damaged_objects(project.cache()) == [damaged]
    assert repair(project, Outputs(project), "train") == [mirror.path / MODEL]
    assert not damaged.exists()
    mirror.run("dvc", "repro")
    assert (mirror.path / MODEL).read_bytes() == good == damaged.read_bytes()
    assert Outputs(project).damaged("train") == damaged_objects(project.cache()) == []


def test_an_output_is_read_again_when_it_has_changed_and_always_if_asked(mirror, monkeypatch):
    project = Project(mirror.path)
    assert not any(Outputs(project).damaged(stage.name) for stage in project.stages())
    flip(mirror.path / MODEL)
    flip(mirror.path / "data/records/index.html")
    assert Outputs(project).damaged("train") == [], "time, size and inode are those of before"
    assert Outputs(project, afresh=True).damaged("train") == [mirror.path / MODEL]
    assert Outputs(project, afresh=True).damaged("prepare") == [mirror.path / "data/records"]
    (mirror.path / MODEL).touch()
    assert Outputs(project).damaged("train") == [mirror.path / MODEL]


@pytest.mark.parametrize("content", [b"\0garbage", b"[]", b'{"models/fcn8s.keras": 1}'])
def test_all_outputs_are_read_where_the_memory_of_them_is_damaged(mirror, content):
    assert Outputs(Project(mirror.path)).damaged("train") == []
    flip(mirror.path / MODEL)
    (mirror.path / MEMORY).write_bytes(content)
    assert Outputs(Project(mirror.path)).damaged("train") == [mirror.path / MODEL]
    flip(mirror.path / MODEL)
    assert Outputs(Project(mirror.path)).damaged("train") == []


def test_the_command_names_what_is_damaged_and_removes_it_if_asked(mirror):
    assert "every output" in mirror.run("sceneparse", "verify")
    good, damaged = restore_from_damaged_cache(mirror)
    mirror.run("dvc", "remote", "add", "--force", "--default", "storage", str(mirror.path.parent / "remote"))
    damage = [f"damaged   {MODEL}", f"damaged   {damaged.relative_to(mirror.path)}"]
    assert mirror.run("sceneparse", "verify", expect=1).splitlines()[:2] == damage
    assert damaged.exists()
    removed = mirror.run("sceneparse", "verify", "--remove").splitlines()
    assert removed[:2] == [line.replace("damaged", "removed") for line in damage]
    assert not damaged.exists()
    mirror.run("dvc", "repro")
    assert (mirror.path / MODEL).read_bytes() == good


def test_a_users_own_file_is_never_removed(mirror):
    photos = mirror.path / "photos.zip"
    photos.write_bytes(b"the only copy")
    mirror.run("dvc", "add", "photos.zip")
    flip(photos)
    mirror.run("sceneparse", "verify", "--remove")
    assert photos.exists()


def test_whole_outputs_and_files_go_back_to_the_cache(mirror):
    """DVC would train for days again where its cache lacks the model that lies there whole."""
    photos = mirror.path / "photos.zip"
    photos.write_bytes(b"the only copy")
    mirror.run("dvc", "add", "photos.zip")
    objects = [path for path in (mirror.path / ".dvc/cache/files/md5").glob("*/*") if path.is_file()]
    before = {path: path.read_bytes() for path in objects}
    for path in objects:
        flip(path)
    printed = mirror.run("sceneparse", "verify", "--remove")
    assert f"whole     {MODEL}: copied to the cache" in printed
    assert "up to date" in mirror.run("dvc", "status")
    assert {path: path.read_bytes() for path in objects} == before
    assert "every output" in mirror.run("sceneparse", "verify")


def test_a_run_repairs_what_it_finds_damaged(mirror, prefect_api):
    """Up to date by DVC's word at first; then brought back, damaged, by a param that changes back."""
    mirror.environment |= prefect_api.environment
    good, damaged = restore_from_damaged_cache(mirror)
    printed = mirror.run("sceneparse", "run")
    assert f"note: {MODEL} was damaged: removed" in printed
    assert ["train", "Completed"] in [line.split() for line in printed.splitlines()]
    assert (mirror.path / MODEL).read_bytes() == good == damaged.read_bytes()

    mirror.set_line("train", "value: 51")
    mirror.run("dvc", "repro", "train")
    mirror.set_line("train", "value: 50")
    flip(damaged)
    assert "was damaged: removed" in mirror.run("sceneparse", "run")
    assert (mirror.path / MODEL).read_bytes() == good == damaged.read_bytes()


@pytest.mark.skipif(not Path("/proc/uptime").exists(), reason="there is no file whose bytes differ each time")
def test_outputs_that_are_damaged_twice_end_the_run(mirror, prefect_api):
    """The output is a file of the kernel, whose bytes differ from one reading to the next."""
    mirror.environment |= prefect_api.environment
    content = json.loads((mirror.path / "dvc.yaml").read_text())
    content["stages"]["restless"] = {"cmd": "ln -s /proc/uptime uptime", "outs": [{"uptime": {"cache": False}}]}
    (mirror.path / "dvc.yaml").write_text(json.dumps(content))
    printed = mirror.run("sceneparse", "run", "--stage", "restless", expect=1)
    assert printed.count("note: uptime was damaged: removed") == 2
    assert "error: restless: a stage's outputs were damaged twice" in printed
    assert f"file:     {mirror.path / 'uptime'}" in printed
    assert "check the disk" in printed
    assert "Traceback" not in printed
    assert not os.path.lexists(mirror.path / "uptime")


@pytest.mark.parametrize("last", [b"'2.0'\nst", b"    out", b""])
def test_a_torn_lock_file_is_restored_from_the_last_commit(mirror, last):
    lock = mirror.path / "dvc.lock"
    whole = lock.read_bytes()
    assert not (mirror.path / COPY).exists()
    lock.write_bytes(whole[: whole.index(last) + len(last)])
    assert "dvc.lock" in mirror.run("dvc", "status", expect=None if not last else 1)
    restore_torn(mirror.path)
    assert lock.read_bytes() == whole
    assert "up to date" in mirror.run("dvc", "status")


def test_the_last_runs_copy_is_newer_than_the_commit(mirror):
    mirror.set_line("train", "value: 51")
    mirror.run("dvc", "repro")
    keep_copy(mirror.path)
    lock = mirror.path / "dvc.lock"
    whole = lock.read_bytes()
    lock.write_bytes(b"")
    keep_copy(mirror.path)
    assert (mirror.path / COPY).read_bytes() == whole
    restore_torn(mirror.path)
    assert lock.read_bytes() == whole


@pytest.mark.exhaustive
def test_the_commit_is_newer_than_the_last_runs_copy(mirror):
    keep_copy(mirror.path)
    mirror.set_line("train", "value: 51")
    mirror.run("dvc", "repro")
    mirror.commit("a newer run")
    lock = mirror.path / "dvc.lock"
    whole = lock.read_bytes()
    lock.write_bytes(b"")
    restore_torn(mirror.path)
    assert lock.read_bytes() == whole


def test_a_lock_file_that_nobody_has_whole_is_named(mirror):
    mirror.run("git", "rm", "--quiet", "--cached", "dvc.lock")
    mirror.run("git", "commit", "--quiet", "--message", "without")
    (mirror.path / "dvc.lock").write_text("")
    restore_torn(mirror.path)
    with pytest.raises(InputError) as refused:
        Project(mirror.path).stages()
    assert refused.value.file == str(mirror.path / "dvc.lock")
    assert "remove it" in refused.value.next_step


def test_a_lock_file_that_is_being_written_is_read_again(mirror):
    lock = mirror.path / "dvc.lock"
    whole = lock.read_bytes()
    lock.write_bytes(whole[:20])

    def finish():
        time.sleep(0.5)
        lock.write_bytes(whole)

    writer = threading.Thread(target=finish)
    writer.start()
    assert Project(mirror.path).current("train")
    writer.join()
