"""What DVC knows of a workspace: the graph, what is up to date, whether another command is at work.

Input: a repository. Output: names, changes and digests. Only `dvc.api` is public in DVC; what is used beyond it
(`Repo.index.graph`, a stage's status and lock entry) is here, held by tests/pipeline/repro/test_dvc.py, and for
experiments in pipeline/experiments/dvc_experiments.py. What DVC does, rather than knows, is in dvc_commands.py.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pipeline.repro.dvc_errors import broken_file, check_merged, dvc_understood
from pipeline.repro.stage_names import no_such_stage
from sceneparse.core.errors import BusyError, InputError


@dataclass(frozen=True)
class Stage:
    """A node of the graph: its name and the names of the stages whose outputs it reads."""

    name: str
    needs: tuple[str, ...]


def project_root(directory: Path) -> Path:
    """The root of the DVC repository that `directory` lies in.

    Raises InputError where there is none, and where a merge left both sides in a file that everything reads.
    """
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        root = Path(Repo.find_root(str(directory)))
    except NotDvcRepoError as error:
        raise InputError(
            "this is no DVC repository",
            expected="a clone of the project, with dvc.yaml and .dvc",
            got=str(error).splitlines()[0],
            file=directory.resolve(),
            next_step="change into the project's directory",
        ) from None
    check_merged(root)
    return root


def in_git(root: Path) -> bool:
    """Whether a Git repository holds `root`. DVC wants to be told where none does (core.no_scm)."""
    return any((folder / ".git").exists() for folder in [root.resolve(), *root.resolve().parents])


class Project:
    """The DVC repository whose root is `root`."""

    def __init__(self, root: Path) -> None:
        from dvc.repo import Repo

        self.root = root
        with dvc_understood(root):
            self._repo = Repo(str(root), config=None if in_git(root) else {"core": {"no_scm": True}})
        self._version: list[int] = []  # of the files that the stages were read from
        self._stages: dict[str, Any] = {}

    def stages(self, target: str | None = None) -> list[Stage]:
        """The graph in an order in which it can run; with `target` only that stage and what it needs."""
        import networkx

        names = self._nodes()
        if not names:
            raise broken_file(self.root) or _no_stages(self.root)
        graph = self._repo.index.graph  # an edge leads from a stage to one that it needs
        if target is not None and target not in names:
            raise no_such_stage(target, names, self.root / "dvc.yaml")
        wanted = set(graph) if target is None else {names[target], *networkx.descendants(graph, names[target])}
        # Of several possible orders the one nearest to dvc.yaml's.
        position = {stage: index for index, stage in enumerate(graph)}
        order = networkx.lexicographical_topological_sort(graph.reverse(), key=position.__getitem__)
        return [
            Stage(self._name(stage), tuple(sorted(map(self._name, graph.successors(stage)))))
            for stage in order
            if stage in wanted
        ]

    def changes(self, stage: str) -> list[object]:
        """What `dvc status STAGE` finds changed; empty when it is up to date. Raises BusyError."""
        with _busy(self.root), self._repo.lock:
            return list(self._nodes()[stage].status().values())

    def check_free(self) -> None:
        """Raise BusyError while another DVC command works in this workspace."""
        with _busy(self.root), self._repo.lock:
            pass
        for user in self.users():
            if psutil.pid_exists(user["pid"]):
                raise _at_work(self.root, f"process {user['pid']}: {user['cmd']}")

    def users(self) -> list[dict[str, Any]]:
        """Who reads and writes what: while a stage runs, DVC keeps a list of that, and gives up its lock.

        DVC writes the list in place. Killed while it does, it leaves a torn one, which no DVC command
        reads; it is removed here: nobody writes it while its lock is held, so whoever began it is gone.
        """
        from dvc.lock import make_lock
        from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK

        folder = Path(self._repo.tmp_dir or "")
        file, hard = folder / RWLOCK_FILE, bool(self._repo.config["core"].get("hardlink_lock"))
        with _busy(self.root), make_lock(folder / RWLOCK_LOCK, tmp_dir=folder, hardlink_lock=hard):
            try:
                content = json.loads(file.read_text()) if file.exists() else {}
            except json.JSONDecodeError:
                file.unlink()
                return []
        return [*content.get("write", {}).values(), *itertools.chain(*content.get("read", {}).values())]

    def lock_digest(self, stage: str) -> str:
        """Digest of what dvc.lock says of a stage: its command, dependencies, params and outputs."""
        from dvc.stage.serialize import to_single_stage_lockfile

        entry = json.dumps(to_single_stage_lockfile(self._nodes()[stage]), sort_keys=True)
        return hashlib.sha256(entry.encode()).hexdigest()

    def _nodes(self) -> dict[str, Any]:
        """DVC's stages by name, as dvc.yaml and dvc.lock have them now: another process may have written them."""
        version = [path.stat().st_mtime_ns for path in self.root.glob("dvc.*")]
        if version != self._version:
            with dvc_understood(self.root):
                self._repo._reset()
                self._stages = {self._name(stage): stage for stage in self._repo.index.graph}
            self._version = version
        return self._stages

    def _name(self, stage: Any) -> str:
        """What `dvc repro` calls a stage in the root directory. (DVC's own `addressing` depends on the current one.)"""
        file = os.path.relpath(stage.path, self.root)
        if not stage.is_data_source and file == "dvc.yaml":
            return str(stage.name)
        return str(file if stage.is_data_source else f"{file}:{stage.name}")

    def outputs(self, stages: Iterable[Stage]) -> set[str]:
        """Paths that the stages write, relative to the root."""
        names = {stage.name for stage in stages}
        return {str(out) for name in names for out in self._nodes()[name].outs}

    def missing(self, stages: Iterable[Stage]) -> Iterator[tuple[str, str, bool]]:
        """Yield each dependency that is not there and that no stage writes.

        Stage, path as dvc.yaml names it, and whether DVC tracks it (`dvc add`, `dvc import`) and can bring it.
        """
        for stage in stages:
            for dep in self._nodes()[stage.name].deps:
                tracked = self._makers(Path(dep.fs_path))
                if not dep.exists and all(tracked):
                    yield stage.name, dep.def_path, bool(tracked)

    def makes(self, path: Path) -> bool:
        """Whether a stage writes `path`, or DVC tracks it; relative to the root."""
        return bool(self._makers(self.root / path))

    def _makers(self, path: Path) -> list[bool]:
        """Return for each output that `path` is or lies in whether DVC just tracks it, as no stage writes it."""
        outs = [(Path(out.fs_path), stage.is_data_source) for stage in self._nodes().values() for out in stage.outs]
        return [source for out, source in outs if path == out or out in path.parents]

    def remote(self) -> str:
        """The default remote's name. Raises InputError when there is none."""
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


@contextmanager
def _busy(root: Path) -> Iterator[None]:
    """Raise BusyError for DVC's own error, and InputError for others."""
    from dvc.lock import LockError

    with dvc_understood(root):
        try:
            yield
        except LockError as error:
            raise _at_work(root, str(error).splitlines()[0]) from None


def _no_stages(root: Path) -> InputError:
    step = "git checkout dvc.yaml"
    return InputError(
        "dvc.yaml has no stages", expected="the project's", got="none", file=root / "dvc.yaml", next_step=step
    )


def _at_work(root: Path, got: str) -> BusyError:
    step = "wait for it to end, or stop it"
    return BusyError(
        "DVC is at work in this workspace", expected="one command at a time", got=got, file=root, next_step=step
    )
