"""The project's graph with stages that take milliseconds: what runs them can be tested in every state.

dvc.yaml is the real one with its commands replaced by tests/support/mirror_stage.py; params.yaml has a line per stage,
`NAME: {value: 50}`, and every file that a stage depends on is there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemons import PATIENCE
from ruamel.yaml import YAML
from workspace import ROOT

# Paths that are params are as in params.yaml, which has no such lines here.
params = YAML(typ="safe").load(ROOT / "params.yaml")
text = re.sub(r"\$\{(\w+)\.(\w+)\}", lambda match: params[match[1]][match[2]], (ROOT / "dvc.yaml").read_text())
dvc_yaml = YAML(typ="safe").load(text)
STAGES = tuple(dvc_yaml["stages"])


class Mirror:
    """A DVC repository at `path` with the project's graph, committed once, nothing run yet."""

    def __init__(self, path: Path, environment: dict[str, str] | None = None) -> None:
        self.path = path
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_SITE_CACHE_DIR": str(path.parent / f"{path.name}-site-cache"),
            **{f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            **(environment or {}),
        }
        if not path.exists():
            self._make()

    def _make(self) -> None:
        stages = {}
        written = {out for stage in dvc_yaml["stages"].values() for out in stage["outs"]}
        for name, stage in dvc_yaml["stages"].items():
            data = [dep for dep in stage["deps"] if dep in written]
            flags = stage["cmd"].partition(f" -m stages.{name} ")[2]  # which say what each path is for
            cmd = f"python -S -E stage.py {name} --deps {' '.join(data)} --outs {' '.join(stage['outs'])} {flags}"
            stages[name] = {"cmd": cmd, "deps": stage["deps"], "params": [name], "outs": stage["outs"]}
            for dep in stage["deps"]:
                if dep not in written:
                    file = self.path / (dep if Path(dep).suffix else f"{dep}/stage.py")  # a folder of code
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(f"{dep}\n")
        (self.path / "dvc.yaml").write_text(json.dumps({"stages": stages}))  # JSON is YAML
        (self.path / "params.yaml").write_text("".join(f"{name}: {{value: 50}}\n" for name in STAGES))
        shutil.copy(ROOT / "tests/support/mirror_stage.py", self.path / "stage.py")
        shutil.copytree(ROOT / ".dvc", self.path / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "*.local"))
        shutil.copy(ROOT / ".gitignore", self.path)
        self.run("git", "init", "--quiet")
        self.commit("begin")

    def run(self, *command: str, expect: int | None = 0) -> str:
        """All that a command printed."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert expect in (None, done.returncode), f"{command}: {done.returncode}\n{done.stdout[-3000:]}"
        return done.stdout

    def commit(self, message: str) -> None:
        """Commit everything that is not ignored."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", message)

    def set_line(self, stage: str, line: str) -> None:
        """Replace a stage's line in params.yaml: set_line("train", "value: 51")."""
        path = self.path / "params.yaml"
        lines = dict(text.split(": ", 1) for text in path.read_text().splitlines())
        lines[stage] = f"{{{line}}}"
        path.write_text("".join(f"{name}: {text}\n" for name, text in lines.items()))

    @contextmanager
    def trouble(self, stage: str, kind: str) -> Iterator[None]:
        """Let a stage make `kind` of trouble until the block ends, however it ends."""
        self.set_line(stage, f"value: 50, trouble: {kind}")
        try:
            yield
        finally:
            self.set_line(stage, "value: 50")

    def outs(self, stage: str) -> list[Path]:
        """Where a stage writes."""
        return [self.path / out for out in dvc_yaml["stages"][stage]["outs"]]
