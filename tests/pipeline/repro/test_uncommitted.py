"""Files that Git's last commit does not have as they are: what others need to pull results."""

import subprocess

from pipeline.repro.lockfile import uncommitted

FILES = ["dvc.lock", "params.yaml", "the scenes.zip.dvc"]


def git(root, *arguments):
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_files_that_differ_from_the_last_commit_are_named(tmp_path):
    for name in FILES:
        (tmp_path / name).write_text("schema: '2.0'\n")
    assert uncommitted(tmp_path, FILES) == FILES, "no Git repository"
    git(tmp_path, "init")
    assert uncommitted(tmp_path, FILES) == FILES, "no commit"
    git(tmp_path, "add", *FILES[:2])
    git(tmp_path, "commit", "--message", "Train")
    assert uncommitted(tmp_path, FILES) == FILES[2:]
    git(tmp_path, "add", FILES[2])
    git(tmp_path, "commit", "--message", "Train")
    assert uncommitted(tmp_path, FILES) == []
    (tmp_path / FILES[0]).write_text("schema: '2.0'\nstages: {}\n")
    assert uncommitted(tmp_path, FILES) == FILES[:1], "changed since"
