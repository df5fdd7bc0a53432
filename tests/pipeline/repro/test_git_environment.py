"""Git, started by a process that Git has tied to another repository."""

import subprocess

from mirror import Mirror

from pipeline.flow.artifacts import lineage
from pipeline.repro.git_environment import TIES, untied_environment
from pipeline.repro.lockfile import uncommitted


def test_gits_own_list_is_known():
    listed = subprocess.check_output(["git", "rev-parse", "--local-env-vars"], text=True).split()
    assert set(listed) - TIES == {"GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"}


def test_the_folders_own_repository_is_read(tmp_path, monkeypatch):
    mirror = Mirror(tmp_path / "project")
    commit = mirror.run("git", "rev-parse", "HEAD").strip()
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "other")], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    assert "GIT_DIR" not in untied_environment()
    assert commit in lineage(mirror.path)
    assert uncommitted(mirror.path, ["dvc.yaml"]) == []
