"""A copy of the project in a Git and DVC repository of its own, and commands run in it as a user would."""

import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path

from daemons import PATIENCE
from ruamel.yaml import YAML

from sceneparse.core.fields import leaves, set_leaf

ROOT = Path(__file__).parents[2]


class Workspace:
    """The project's files at `path`, committed once, to a Git repository at `top`: there, or at a folder above."""

    def __init__(self, path: Path, top: Path | None = None, tests: bool = False) -> None:
        self.path = path
        self.errors = ""  # standard error of the last command
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_SITE_CACHE_DIR": str(path.parent / "site-cache"),
            "DVC_NO_ANALYTICS": "1",
            **{f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        files = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
        for name in files.splitlines():
            if (ROOT / name).is_file() and (tests or not name.startswith(("tests/", "docs/"))):
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, path / name)
        self.run("git", "init", "--quiet", str(top or path))
        self.commit("begin")

    def clone(self, path: Path) -> "Workspace":
        """Clone the last commit with Git, as on another machine: nothing of DVC's comes along."""
        self.run("git", "clone", "--quiet", str(self.path), str(path))
        return self._at(path)

    def copy(self, path: Path) -> "Workspace":
        """All of it, DVC's cache too, at another place."""
        shutil.copytree(self.path, path, symlinks=True)
        return self._at(path)

    def _at(self, path: Path) -> "Workspace":
        other = copy.copy(self)
        other.path = path
        other.environment = {**self.environment, "DVC_SITE_CACHE_DIR": str(path.parent / "site-cache")}
        return other

    def run(self, *command: str, expect: int = 0) -> str:
        """Standard output of a command; fails with all that it said on an unexpected exit status."""
        done = subprocess.run(
            command, cwd=self.path, env=self.environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        self.errors = done.stderr
        assert done.returncode == expect, f"{command}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout if expect == 0 else done.stdout + done.stderr

    def commit(self, message: str) -> None:
        """Commit everything that is not ignored."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def set_param(self, key: str, value: object) -> None:
        """Change one param in params.yaml, comments kept."""
        yaml = YAML()
        content = yaml.load(self.path / "params.yaml")
        assert key in leaves(content), key
        set_leaf(content, key, value)
        yaml.dump(content, self.path / "params.yaml")

    def read(self, name: str) -> bytes:
        """A file's bytes."""
        return (self.path / name).read_bytes()

    def outputs(self) -> dict[str, bytes]:
        """Return the bytes of all files that DVC tracks."""
        files = [path for name in ("data", "models", "metrics", "report") for path in (self.path / name).rglob("*")]
        return {str(path.relative_to(self.path)): path.read_bytes() for path in files if path.is_file()}


def tiny(workspace: Workspace) -> Workspace:
    """Params for a whole run in seconds."""
    for key, value in {
        "download.demo.training": 14,
        "download.demo.validation": 6,
        "prepare.size": 64,
        "prepare.shard_images": 8,
        "model.width": 0.03125,
        "train.epochs": 2,
        "visualize.best": 1,
        "visualize.worst": 1,
        "visualize.random": 1,
    }.items():
        workspace.set_param(key, value)
    workspace.commit("tiny params")
    return workspace
