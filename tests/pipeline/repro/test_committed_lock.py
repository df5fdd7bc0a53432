"""Whether Git's last commit has dvc.lock as it is: what others need to pull results."""

import subprocess

from pipeline.repro.lockfile import committed


def git(root, *arguments):
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_dvc_lock_is_committed_as_it_is(tmp_path):
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n")
    assert not committed(tmp_path), "no Git repository"
    git(tmp_path, "init")
    assert not committed(tmp_path), "no commit"
    git(tmp_path, "add", "dvc.lock")
    git(tmp_path, "commit", "--message", "Train")
    assert committed(tmp_path)
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    assert not committed(tmp_path), "changed since"
