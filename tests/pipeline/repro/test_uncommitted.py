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


def test_line_ends_are_compared_as_git_does(tmp_path):
    """A file with carriage returns may be in the commit as it is, or without them."""
    content = b"model:\r\n  width: 1.0\r\n"
    git(tmp_path, "init")
    for name, converts in (("as it is", "false"), ("without", "true")):
        (tmp_path / name).write_bytes(content)
        git(tmp_path, "config", "core.autocrlf", converts)
        git(tmp_path, "add", name)
        git(tmp_path, "commit", "--message", name)
        assert uncommitted(tmp_path, [name]) == []


def test_a_file_that_git_ignores_is_not_committed(tmp_path):
    git(tmp_path, "init")
    (tmp_path / ".gitignore").write_text("*.lock\n")
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n")
    git(tmp_path, "add", ".gitignore")
    git(tmp_path, "commit", "--message", "Ignore")
    assert uncommitted(tmp_path, ["dvc.lock"]) == ["dvc.lock"]
