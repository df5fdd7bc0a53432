"""CONTRIBUTING.md, followed: its examples are applied to a copy of the project; their tests pass there, and others."""

import re
import subprocess
import sys

import pytest
from workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("section", "files", "others"),
    [
        ("A param", 4, ("tests/sceneparse/params/test_presets.py",)),
        ("A backbone", 4, ("tests/sceneparse/network/test_backbones.py", "tests/stages/weights/test_weights.py")),
    ],
)
def test_an_example_touches_what_it_says_and_works(root, tmp_path, section, files, others):
    text = (root / "CONTRIBUTING.md").read_text()
    (chapter,) = re.findall(rf"^## {section}\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    (change,) = re.findall(r"^```diff\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    copy = Workspace(tmp_path / "project", tests=True)
    (tmp_path / "example.diff").write_text(change)
    copy.run("git", "apply", str(tmp_path / "example.diff"))
    assert len(copy.run("git", "status", "--porcelain").splitlines()) == files
    copy.run(sys.executable, "-m", "ruff", "check", ".")
    copy.run(sys.executable, "-m", "ruff", "format", "--check", ".")
    own = re.findall(r"^\+\+\+ b/(tests/.*)", change, re.MULTILINE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *own, *others]
    environment = {**copy.environment, "PYTHONPATH": str(copy.path)}  # before the installed project
    done = subprocess.run(command, cwd=copy.path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
