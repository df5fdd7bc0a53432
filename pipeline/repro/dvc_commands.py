"""`dvc repro` and `dvc push`, run under a supervisor, and what they said.

Input: the root of a DVC repository. Output: a verdict, or an error that carries the stage's own last lines.
Their exit status and the lines that they print are all that is used here: both are what a user sees.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path

from pipeline.repro.dvc_errors import refusal
from pipeline.repro.process import Lines, run_supervised
from pipeline.repro.project import in_git
from sceneparse.core.errors import TRY_AGAIN
from sceneparse.core.files import write_text
from sceneparse.core.progress import DRAW

LAST_LINES = 15  # of a failed command, in its error
LOGS = Path("state/flow")

OnOutput = Callable[[bytes], None]


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


def reproduce(root: Path, stage: str, force: bool, on_output: OnOutput) -> Verdict:
    """Run `dvc repro --single-item`; its processes end with this one. Raises CommandError."""
    lines = _run(root, ["repro", "--single-item", *(["--force"] if force else []), stage], on_output)
    for said, verdict in (
        (f"Running stage '{stage}'", Verdict.COMPLETED),
        (f"Stage '{stage}' is cached - skipping run", Verdict.RESTORED),
        (f"Stage '{stage}' didn't change, skipping", Verdict.CACHED),
    ):
        if any(line.startswith(said) for line in lines):
            return verdict
    raise RuntimeError(f"dvc repro said nothing of {stage}: {lines}")


def push_outputs(root: Path, stages: Iterable[str], on_output: OnOutput) -> None:
    """Upload the outputs of `stages` and the run-cache to the default remote. Raises CommandError."""
    lines = _run(root, ["push", "--run-cache", *stages], on_output)
    if any(line.startswith("ERROR") for line in lines):  # of the run-cache: the exit status is 0 all the same
        raise CommandError("dvc push", why(root, lines), may_pass=True)


def _run(root: Path, arguments: list[str], on_output: OnOutput) -> list[str]:
    """Run `dvc ...`; returns its lines."""
    lines = Lines(keep=1000)

    def take(chunk: bytes) -> None:
        lines.feed(chunk)
        on_output(chunk)

    status = run_supervised(
        [sys.executable, "-m", "dvc", *arguments],
        take,
        cwd=root,
        environment=stage_environment() | _without_git(root),
        output=root / LOGS / f"{arguments[0]}.log",
    )
    if status:
        may_pass = arguments[0] == "push" or any(line.endswith(f"exited with {TRY_AGAIN}") for line in lines.last)
        raise CommandError(f"dvc {' '.join(arguments)}", why(root, lines.last), may_pass)
    return lines.last


def stage_environment() -> dict[str, str]:
    """The environment of a stage: this Python's `python` first on the path, and bars for a terminal, one a second."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    bars = {DRAW: "1"} if sys.stderr and sys.stderr.isatty() else {}  # our reader shows them
    return {"TQDM_MININTERVAL": "1", **os.environ, **bars, "PATH": path}


def _without_git(root: Path) -> dict[str, str]:
    """What lets DVC work where there is no Git repository: its system's settings, and that one.

    No file of the user's is changed: after `git init` DVC uses Git again.
    """
    if in_git(root):
        return {}
    from configobj import ConfigObj  # type: ignore[import-untyped]
    from dvc.config import Config

    folder = root / "state/without-git"
    folder.mkdir(parents=True, exist_ok=True)
    settings = ConfigObj(str(Path(Config.get_dir("system")) / Config.CONFIG))
    settings.setdefault("core", {})["no_scm"] = "true"
    settings.filename = None  # so that it returns its lines instead of writing them there
    write_text(folder / Config.CONFIG, "\n".join(settings.write()))
    return {"DVC_SYSTEM_CONFIG_DIR": str(folder)}


def why(root: Path, lines: list[str]) -> list[str]:
    """Why a command failed: the failed stage's own last lines, or what DVC itself refused, in this project's words."""
    if any(re.search(r"failed to run: .*exited with", line) for line in lines):
        return own_lines(lines)[-LAST_LINES:]
    return str(refusal(root, lines[-LAST_LINES:])).splitlines()


def own_lines(lines: list[str]) -> list[str]:
    """The own lines of the stage that ran last, without DVC's before and after them."""
    end = next((index for index, line in enumerate(lines) if line.startswith("ERROR: failed to reproduce")), len(lines))
    begin = max((index + 1 for index, line in enumerate(lines[:end]) if line.startswith("> ")), default=0)
    return lines[begin:end] or lines
