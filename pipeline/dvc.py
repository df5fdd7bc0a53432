"""All that this project asks of DVC: the graph, what is up to date, reproducing a stage, pushing.

Input: the repository that the working directory lies in. Output: names, verdicts and digests. Only
`dvc.api` is public in DVC; what is used beyond it (`Repo.index.graph`, `Repo.status`, the lines
that `dvc repro` prints) is here and nowhere else, held by tests/test_dvc.py.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from pipeline.process import Lines, run_supervised
from stages.errors import TRY_AGAIN, Busy, InputError

LAST_LINES = 15  # of a failed command, in its error


class Verdict(StrEnum):
    """What became of a stage, as DVC sees it; also the names of Prefect's states."""

    CACHED = "Cached"  # up to date: nothing done
    RESTORED = "Restored"  # outputs brought back from DVC's cache
    COMPLETED = "Completed"  # its command ran


class CommandError(Exception):
    """DVC, or a stage that it ran, ended with an error. `may_pass` tells that trying again can help."""

    def __init__(self, what: str, last: Sequence[str], may_pass: bool) -> None:
        super().__init__(what, last, may_pass)  # all of them, so that it can be pickled
        self.what, self.last, self.may_pass = what, last, may_pass

    def __str__(self) -> str:
        return "\n".join([f"{self.what} failed", *self.last])


@dataclass(frozen=True)
class Stage:
    """A node of the graph: its name and the names of the stages whose outputs it reads."""

    name: str
    needs: tuple[str, ...]


def project_root(directory: Path) -> Path:
    """The root of the DVC repository that `directory` lies in. Raises InputError where there is none."""
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        return Path(Repo.find_root(str(directory)))
    except NotDvcRepoError as error:
        raise InputError(
            "this is no DVC repository",
            expected="a clone of the project, with dvc.yaml and .dvc",
            got=str(error).splitlines()[0],
            file=directory.resolve(),
            next_step="change into the project's directory",
        ) from None


class Project:
    """The DVC repository whose root is `root`."""

    def __init__(self, root: Path) -> None:
        from dvc.repo import Repo

        self.root = root
        self._repo = Repo(str(root))
        self._version: list[int] = []  # of the files that the stages were read from
        self._stages: dict[str, Any] = {}

    def stages(self, target: str | None = None) -> list[Stage]:
        """The graph in an order in which it can run; with `target` only that stage and what it needs."""
        import networkx

        names = self._nodes()
        graph = self._repo.index.graph  # an edge leads from a stage to one that it needs
        if target is not None and target not in names:
            raise InputError(
                "there is no such stage",
                expected=", ".join(names),
                got=target,
                file=self.root / "dvc.yaml",
                next_step="name one of those",
            )
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
        """What `dvc status STAGE` finds changed; empty when it is up to date. Raises Busy."""
        with _busy(self.root), self._repo.lock:
            return list(self._nodes()[stage].status().values())

    def check_free(self) -> None:
        """Raise Busy while another DVC command works in this workspace."""
        with _busy(self.root), self._repo.lock:
            pass
        # While a stage runs, DVC gives up its lock and keeps a list of who reads and writes what.
        users = Path(self._repo.tmp_dir or "") / "rwlock"
        content = json.loads(users.read_text() or "{}") if users.is_file() else {}
        writers = content.get("write", {}).values()
        readers = (reader for group in content.get("read", {}).values() for reader in group)
        for user in (*writers, *readers):
            if psutil.pid_exists(user["pid"]):
                raise _at_work(self.root, f"process {user['pid']}: {user['cmd']}")

    def lock_digest(self, stage: str) -> str:
        """Digest of what dvc.lock says of a stage: its command, dependencies, params and outputs."""
        from dvc.stage.serialize import to_single_stage_lockfile

        entry = json.dumps(to_single_stage_lockfile(self._nodes()[stage]), sort_keys=True)
        return hashlib.sha256(entry.encode()).hexdigest()

    def _nodes(self) -> dict[str, Any]:
        """DVC's stages by name, as dvc.yaml and dvc.lock have them now: another process may have written them."""
        version = [path.stat().st_mtime_ns for path in self.root.glob("dvc.*")]
        if version != self._version:
            self._repo._reset()
            self._version = version
            self._stages = {self._name(stage): stage for stage in self._repo.index.graph}
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

    def reproduce(self, stage: str, force: bool, on_output: Callable[[bytes], None]) -> Verdict:
        """Run `dvc repro --single-item`; its processes end with this one. Raises CommandError."""
        lines = self._run(["repro", "--single-item", *(["--force"] if force else []), stage], on_output)
        for said, verdict in (
            (f"Running stage '{stage}'", Verdict.COMPLETED),
            (f"Stage '{stage}' is cached - skipping run", Verdict.RESTORED),
            (f"Stage '{stage}' didn't change, skipping", Verdict.CACHED),
        ):
            if any(line.startswith(said) for line in lines):
                return verdict
        raise RuntimeError(f"dvc repro said nothing of {stage}: {lines}")

    def push(self, stages: Iterable[str], on_output: Callable[[bytes], None]) -> None:
        """Upload the outputs of `stages` and the run-cache to the default remote. Raises CommandError."""
        self._run(["push", "--run-cache", *stages], on_output)

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

    def _run(self, arguments: list[str], on_output: Callable[[bytes], None]) -> list[str]:
        """Run `dvc ...` under a supervisor; returns its lines."""
        lines = Lines(keep=1000)

        def take(chunk: bytes) -> None:
            lines.feed(chunk)
            on_output(chunk)

        status = run_supervised(
            [sys.executable, "-m", "dvc", *arguments],
            take,
            cwd=self.root,
            environment=stage_environment(),
            output=self.root / "state/flow" / f"{arguments[0]}.log",
        )
        if status:
            may_pass = arguments[0] == "push" or any(line.endswith(f"exited with {TRY_AGAIN}") for line in lines.last)
            raise CommandError(f"dvc {' '.join(arguments)}", _own(lines.last)[-LAST_LINES:], may_pass)
        return lines.last


@contextmanager
def _busy(root: Path) -> Iterator[None]:
    """Raise Busy for DVC's own error."""
    from dvc.lock import LockError

    try:
        yield
    except LockError as error:
        raise _at_work(root, str(error).splitlines()[0]) from None


def _at_work(root: Path, got: str) -> Busy:
    step = "wait for it to end, or stop it"
    return Busy(
        "DVC is at work in this workspace", expected="one command at a time", got=got, file=root, next_step=step
    )


def stage_environment() -> dict[str, str]:
    """The environment of a stage: this Python's `python` first on the path, and bars drawn once a second."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {"TQDM_MININTERVAL": "1", **os.environ, "PATH": path}


def _own(lines: list[str]) -> list[str]:
    """A stage's own lines, without DVC's before and after them."""
    begin = next((index + 1 for index, line in enumerate(lines) if line.startswith("> ")), 0)
    end = next((index for index, line in enumerate(lines) if line.startswith("ERROR: failed to reproduce")), len(lines))
    return lines[begin:end] or lines
