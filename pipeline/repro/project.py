"""DVC's knowledge of a workspace: the graph, which stages are up to date, whether another command is at work.

Input: a repository. Output: names, changes and digests. Only `dvc.api` is public in DVC. This module uses more
(`Repo.index.graph`, a stage's status and lock entry), as does pipeline/experiments/dvc_experiments.py for experiments;
tests/pipeline/repro/test_dvc.py checks that a new version of DVC still has it. dvc_commands.py runs DVC's commands.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.repro.dvc_errors import at_work, dvc_understood
from pipeline.repro.dvc_locks import lock_understood, users
from pipeline.repro.project_files import broken_file
from pipeline.repro.project_root import in_git
from pipeline.repro.stage_names import no_such_stage
from sceneparse.core.errors import InputError
from sceneparse.core.locks import locked

WRITE_SECONDS = 2.0  # more than any process takes to write dvc.lock


@dataclass(frozen=True)
class Stage:
    """Node of the graph: its name, and the names of the stages whose outputs it reads."""

    name: str
    needs: tuple[str, ...]


class Project:
    """DVC repository whose root is `root`."""

    def __init__(self, root: Path) -> None:
        from dvc.repo import Repo

        self.root = root
        with dvc_understood(root):
            self._repo = Repo(str(root), config=None if in_git(root) else {"core": {"no_scm": True}})
        self._version: list[int] = []  # times of the files that `_stages` was read from
        self._stages: dict[str, Any] = {}

    def stages(self, target: str | None = None) -> list[Stage]:
        """Return the stages in an order in which they can run; with `target`, that stage and those that it needs.

        A tracked file (`dvc add`, `dvc import`) is a stage of no command, and is among them if a stage reads it.
        """
        import networkx

        names = self._nodes()
        if not names:
            raise broken_file(self.root) or InputError(
                "dvc.yaml has no stages",
                expected="the project's stages",
                got="none",
                file=self.root / "dvc.yaml",
                next_step="git checkout dvc.yaml",
            )
        graph = self._repo.index.graph  # an edge leads from a stage to one that it needs
        if target is not None and target not in names:
            raise no_such_stage(target, names, self.root / "dvc.yaml")
        if target is None:
            wanted = {stage for stage in graph if not stage.is_data_source or graph.in_degree(stage)}
        else:
            wanted = {names[target], *networkx.descendants(graph, names[target])}
        return [
            Stage(self._name(stage), tuple(sorted(map(self._name, graph.successors(stage)))))
            for stage in networkx.dfs_postorder_nodes(graph)  # dvc.yaml's order, if stages can run in it
            if stage in wanted
        ]

    def changes(self, stage: str) -> list[object]:
        """Return the changes that `dvc status STAGE` finds, none when the stage is up to date. Raises BusyError."""
        with lock_understood(self.root), self._repo.lock:
            return list(self._nodes()[stage].status().values())

    def current(self, stage: str) -> str | None:
        """Return a digest of an up-to-date stage's entry in dvc.lock; None when DVC would run it. Raises BusyError.

        The entry names the stage's command, dependencies, params and outputs; that of a tracked file is its .dvc file.
        """
        from dvc.stage.serialize import to_single_stage_lockfile

        if self.changes(stage):
            return None
        node = self._nodes()[stage]
        entry = node.dumpd() if node.is_data_source else to_single_stage_lockfile(node)
        return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the workspace. Raises BusyError while a run or another DVC command works in it."""
        with locked(self.root / "state/flow/lock", "running the stages here"):
            self.check_free()
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep DVC's commands out of this workspace. Raises BusyError while one works in it."""
        with ExitStack() as held:
            with lock_understood(self.root):
                held.enter_context(self._repo.lock)
            for user in users(self.root, self._repo):
                raise at_work(self.root, f"process {user['pid']}: {user['cmd']}")
            yield

    def check_free(self) -> None:
        """Raise BusyError while another DVC command works in this workspace."""
        with self.alone():
            pass

    def _nodes(self) -> dict[str, Any]:
        """Return DVC's stages by name, as dvc.yaml and dvc.lock are now: another process may have written them."""
        deadline = time.monotonic() + WRITE_SECONDS
        while (version := [path.stat().st_mtime_ns for path in self.root.glob("dvc.*")]) != self._version:
            try:
                with dvc_understood(self.root):
                    self._repo._reset()
                    self._stages = {self._name(stage): stage for stage in self._repo.index.graph}
                self._version = version
            except InputError as error:
                if "dvc.lock" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)  # another process is writing it, in place
        return self._stages

    def _name(self, stage: Any) -> str:
        """Return a stage's name for `dvc repro` in the root. (DVC's `addressing` depends on the current directory.)"""
        file = os.path.relpath(stage.path, self.root)
        if not stage.is_data_source and file == "dvc.yaml":
            return str(stage.name)
        return str(file if stage.is_data_source else f"{file}:{stage.name}")

    def outputs(self, stages: Iterable[Stage]) -> set[str]:
        """Return the paths that the stages write, relative to the root."""
        names = {stage.name for stage in stages}
        return {str(out) for name in names for out in self._nodes()[name].outs}

    def outs(self, stage: str) -> list[Any]:
        """Return DVC's objects of a stage's outputs, with the digests that dvc.lock has; none of a tracked file.

        A tracked file (`dvc add`, `dvc import`) is the user's own: no command here could make it again.
        """
        node = self._nodes()[stage]
        return [] if node.is_data_source else list(node.outs)

    def all_outs(self) -> list[Any]:
        """Return DVC's objects of all outputs and tracked files that belong into the cache."""
        return [out for node in self._nodes().values() for out in node.outs if out.use_cache]

    def cache(self) -> Path:
        """Return the folder of the objects in DVC's cache, each named after its MD5."""
        return Path(self._repo.cache.local.path)

    def missing(self, stages: Iterable[Stage]) -> Iterator[tuple[str, str, bool]]:
        """Yield each dependency that does not exist and that no stage writes.

        A dependency is its stage, its path as in dvc.yaml, and whether DVC tracks it (`dvc add`, `dvc import`), so that
        `dvc pull` can fetch it.
        """
        for stage in stages:
            for dep in self._nodes()[stage.name].deps:
                tracked = self._makers(Path(dep.fs_path))
                if not dep.exists and all(tracked):
                    yield stage.name, dep.def_path, bool(tracked)

    def makes(self, path: Path) -> bool:
        """Return whether a stage writes `path`, or DVC tracks it; `path` is relative to the root."""
        return bool(self._makers(self.root / path))

    def _makers(self, path: Path) -> list[bool]:
        """Return, for each output that is `path` or holds it, whether `dvc add` or `import` made it, not a stage."""
        outs = [(Path(out.fs_path), stage.is_data_source) for stage in self._nodes().values() for out in stage.outs]
        return [source for out, source in outs if path == out or out in path.parents]

    def remote(self) -> str:
        """Return the default remote's name. Raises InputError if there is none."""
        name: str | None = self._repo.config["core"].get("remote")
        if not name:
            raise InputError(
                "there is no remote to push to",
                expected="a default remote",
                got="none",
                file=self.root / ".dvc/config",
                next_step="dvc remote add --default NAME URL (docs/remotes.md)",
            )
        return name
