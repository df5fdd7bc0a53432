"""Uses of DVC beyond its public interface: a new version that changes them fails here."""

import json
import os
import pickle

import psutil
import pytest
from mirror import STAGES, Mirror

from pipeline.repro.dvc_commands import CommandError, Verdict, reproduce
from pipeline.repro.process import run_supervised
from pipeline.repro.project import Project
from pipeline.repro.project_root import project_root
from sceneparse.core.errors import BusyError, InputError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc"),  # its own, of a library that it uses
]


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    mirror = Mirror(tmp_path / "project")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", mirror.environment["DVC_SITE_CACHE_DIR"])
    return mirror


def test_the_graph_is_dvc_yamls_in_an_order_that_can_run(mirror):
    project = Project(mirror.path)
    stages = project.stages()
    assert tuple(stage.name for stage in stages) == STAGES
    needs = {stage.name: stage.needs for stage in stages}
    assert (
        needs.items()
        >= {
            "download": (),
            "weights": (),
            "prepare": ("download",),
            "train": ("prepare", "weights"),
            "evaluate": ("download", "prepare", "train"),
            "visualize": ("download", "evaluate", "train"),
        }.items()
    )
    assert [stage.name for stage in project.stages("prepare")] == ["download", "prepare"]
    assert project.outputs(project.stages("prepare")) == {"data/raw/dataset.zip", "data/records"}
    with pytest.raises(InputError, match="nosuch"):
        project.stages("nosuch")


def test_a_file_that_dvc_tracks_has_a_digest(mirror):
    (mirror.path / "photos.zip").write_bytes(b"photos")
    mirror.run("dvc", "add", "photos.zip")
    project = Project(mirror.path)
    assert tuple(stage.name for stage in project.stages()) == STAGES, "no stage reads it"
    first = project.current("photos.zip.dvc")
    assert first
    (mirror.path / "photos.zip").write_bytes(b"other photos")
    assert project.current("photos.zip.dvc") is None
    mirror.run("dvc", "add", "photos.zip")
    assert Project(mirror.path).current("photos.zip.dvc") not in (None, first)


def test_verdicts_follow_the_workspace(mirror):
    project, output = Project(mirror.path), []
    assert project.current("download") is None
    assert reproduce(mirror.path, "download", False, output.append) == Verdict.COMPLETED
    said = b"".join(output)
    assert b"download says: value 50" in said
    log = (mirror.path / "state/flow/repro.log").read_bytes()
    for advice in (b"git add", b"core.autostage", b"`dvc push`"):
        assert advice in log
        assert advice not in said, "it would be there six times in a run"
    first = project.current("download")
    assert first
    (mirror.path / "data/raw/dataset.zip").unlink()
    assert project.current("download") is None
    assert reproduce(mirror.path, "download", False, output.append) == Verdict.RESTORED
    assert project.current("download") == first
    assert reproduce(mirror.path, "download", True, output.append) == Verdict.COMPLETED
    mirror.set_line("download", "value: 51")
    assert project.current("download") is None
    mirror.run("dvc", "repro", "download")
    assert project.current("download") not in (None, first)


def test_a_failure_carries_the_stages_own_lines_and_can_be_pickled(mirror):
    mirror.set_line("download", "value: 50, trouble: fail")
    with pytest.raises(CommandError) as failure:
        reproduce(mirror.path, "download", False, lambda _: None)
    error = pickle.loads(pickle.dumps(failure.value))  # noqa: S301 - our own bytes
    assert error.last == ["download says: value 50", "error: the input is bad"]
    assert not error.may_pass
    mirror.set_line("download", "value: 50, trouble: network")
    with pytest.raises(CommandError) as failure:
        reproduce(mirror.path, "download", False, lambda _: None)
    assert failure.value.may_pass


def test_another_command_at_work_is_noticed(mirror):
    project = Project(mirror.path)
    project.check_free()
    user = {"pid": os.getpid(), "cmd": "dvc repro"}
    (mirror.path / ".dvc/tmp/rwlock").write_text(json.dumps({"write": {"x": user}, "read": {}}))
    with pytest.raises(BusyError, match=f"process {os.getpid()}: dvc repro"):
        project.check_free()
    (mirror.path / ".dvc/tmp/rwlock").write_text(json.dumps({"read": {"x": [{**user, "pid": 2**22 + 1}]}}))
    project.check_free()  # that process is gone
    with project._repo.lock, pytest.raises(BusyError, match="DVC is at work"):
        Project(mirror.path).check_free()


def test_a_process_that_got_the_id_of_a_dead_user_blocks_nobody(mirror):
    """A restart of the machine does this: the process is younger than DVC's list."""
    project, rwlock = Project(mirror.path), mirror.path / ".dvc/tmp/rwlock"
    project.check_free()
    out = str(mirror.path / mirror.outs("download")[0])
    entry = {"pid": os.getpid(), "cmd": "dvc repro"}
    rwlock.write_text(json.dumps({"write": {out: entry}, "read": {out: [entry, {**entry, "pid": 2**22 + 1}]}}))
    assert "busy" in mirror.run("dvc", "repro", "--force", "download", expect=None)
    long_ago = psutil.Process().create_time() - 60
    os.utime(rwlock, (long_ago, long_ago))
    project.check_free()
    assert json.loads(rwlock.read_text()) == {"write": {}, "read": {}}
    mirror.run("dvc", "repro", "--force", "download")


@pytest.mark.parametrize("torn", ["", '{"write": {"x": {"pi'])
def test_a_list_of_users_that_a_killed_command_left_torn_is_removed(mirror, torn):
    project = Project(mirror.path)
    project.check_free()
    (mirror.path / ".dvc/tmp/rwlock").write_text(torn)
    assert "corrupted" in mirror.run("dvc", "status", expect=None)
    project.check_free()
    mirror.run("dvc", "status")


@pytest.mark.parametrize("torn", ["", '{"write": {"x": {"pi'])
def test_the_supervisor_removes_what_its_command_left_torn(mirror, tmp_path, torn):
    script = f"mkdir -p .dvc/tmp; printf '{torn}' > .dvc/tmp/rwlock; kill -9 $$"
    where = {"cwd": mirror.path, "environment": mirror.environment, "output": tmp_path / "output"}
    assert run_supervised(["sh", "-c", script], lambda _: None, **where) == 128 + 9
    mirror.run("dvc", "status")


def test_the_root_is_found_from_within(mirror, tmp_path):
    from dvc.repo import Repo

    (mirror.path / "docs").mkdir()
    assert str(project_root(mirror.path / "docs")) == Repo.find_root(str(mirror.path / "docs")) == str(mirror.path)
    with pytest.raises(InputError, match="no DVC repository"):
        project_root(tmp_path)
    assert Project(mirror.path).remote() == "storage"
    mirror.run("dvc", "remote", "default", "--unset")
    with pytest.raises(InputError, match="no remote to push to"):
        Project(mirror.path).remote()
