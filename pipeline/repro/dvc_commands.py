"""DVC's commands, run under a supervisor.

Input: the root of a DVC repository. Output: a verdict, or an error that carries the stage's own last lines. Only exit
statuses and printed lines are used here, the interface that DVC's users have.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from pipeline.repro.dvc_errors import passes, refusal
from pipeline.repro.git_environment import untied_environment
from pipeline.repro.process import Lines, OnOutput, run_supervised
from pipeline.repro.project_root import in_git
from sceneparse.core.errors import TRY_AGAIN, BusyError
from sceneparse.core.files import write_text
from sceneparse.core.progress import DRAW

LAST_LINES = 15  # of a failed command, in its error
LOGS = Path("state/flow")
# DVC's advice: after each of six stages it hides their own output.
ADVICE = re.compile(
    rb"\n(?:To track the changes with git, run:\n\n\tgit add|To enable auto staging, run:\n\n\tdvc config) [^\n]*\n"
    rb"|Use `dvc push` to send your updates to remote storage.\n"
    rb"|Experiment results have been applied to your workspace.\n"  # a sweep's own folder
)


class Verdict(StrEnum):
    """Result of a stage; these are also the names of its task's states in Prefect."""

    CACHED = "Cached"  # up to date: DVC would skip it
    RESTORED = "Restored"  # DVC brought the outputs back from its cache
    COMPLETED = "Completed"  # its command ran


class CommandError(Exception):
    """Failure of DVC, or of a stage that it ran. `may_pass`: trying again can help."""

    def __init__(self, command: str, last: Sequence[str], may_pass: bool) -> None:
        super().__init__(command, last, may_pass)  # all arguments, so that the error can be pickled
        self.command, self.last, self.may_pass = command, last, may_pass

    def __str__(self) -> str:
        return "\n".join([f"{self.command} failed", *self.last])


@contextmanager
def failures_understood(root: Path) -> Iterator[None]:
    """Turn a CommandError inside the block into an InputError in this project's words."""
    try:
        yield
    except CommandError as error:
        raise refusal(root, error.last) from error


def reproduce(root: Path, stage: str, force: bool, on_output: OnOutput) -> Verdict:
    """Run `dvc repro --single-item` for a stage. Raises CommandError, and BusyError while another DVC command works.

    All processes of the command end with this one.
    """
    lines = run_dvc(root, ["repro", "--single-item", *(["--force"] if force else []), stage], on_output)
    said = " ".join(line for line in lines if line.startswith(f"Stage '{stage}' "))
    if "is cached - skipping run" in said:
        return Verdict.RESTORED
    return Verdict.CACHED if "didn't change, skipping" in said else Verdict.COMPLETED  # another command ran it just now


def push_outputs(root: Path, stages: Iterable[str], on_output: OnOutput) -> None:
    """Upload the outputs of `stages` and the run-cache to the default remote. Raises CommandError."""
    lines = run_dvc(root, ["push", "--run-cache", *stages], on_output)
    if any(line.startswith("ERROR") for line in lines):  # a run-cache that fails leaves the exit status at 0
        raise CommandError("dvc push", failure_lines(root, lines), may_pass=True)


def run_dvc(
    root: Path,
    arguments: list[str],
    on_output: OnOutput,
    *,
    name: str = "",
    log: Path | None = None,
    **environment: str,
) -> list[str]:
    """Run `dvc ARGUMENTS` and return its last lines; the output goes to `on_output`, without ADVICE, and to `log`.

    Raises CommandError, which names the command `name`, and BusyError while another DVC command works here.
    """
    lines = Lines(keep=1000)

    def take(chunk: bytes) -> None:
        lines.feed(chunk)
        on_output(ADVICE.sub(b"", chunk))

    status = run_supervised(
        [sys.executable, "-m", "dvc", *arguments],
        take,
        cwd=root,
        environment=stage_environment() | _without_git(root) | environment,
        output=log or root / LOGS / f"{arguments[0]}.log",
    )
    if status:
        may_pass = arguments[0] == "push" or any(line.endswith(f"exited with {TRY_AGAIN}") for line in lines.last)
        said = lines.last if any(line.strip() for line in lines.last) else [f"no message, exit status {status}"]
        raise CommandError(name or f"dvc {' '.join(arguments)}", failure_lines(root, said), may_pass or passes(said))
    return lines.last


def stage_environment() -> dict[str, str]:
    """Return the environment of a stage: this Python first on PATH, and for a terminal bars, drawn once a second.

    Git and DVC find the repository of the folder in which they start.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    bars = {DRAW: "1"} if sys.stderr and sys.stderr.isatty() else {}  # Relay passes them on
    return {"TQDM_MININTERVAL": "1", **untied_environment(), **bars, "PATH": path}


def _without_git(root: Path) -> dict[str, str]:
    """Return the environment in which DVC works without a Git repository: the system's settings and core.no_scm.

    The user's files stay as they are: after `git init` DVC uses Git again.
    """
    if in_git(root):
        return {}
    from configobj import ConfigObj  # type: ignore[import-untyped]  # it has no types
    from dvc.config import Config

    folder = root / "state/without-git"
    folder.mkdir(parents=True, exist_ok=True)
    settings = ConfigObj(str(Path(Config.get_dir("system")) / Config.CONFIG))
    settings.setdefault("core", {})["no_scm"] = "true"
    settings.filename = None  # so that write() returns lines instead of changing the system's file
    write_text(folder / Config.CONFIG, "\n".join(settings.write()))
    return {"DVC_SYSTEM_CONFIG_DIR": str(folder)}


def failure_lines(root: Path, lines: list[str]) -> list[str]:
    """Return why a command failed: the failed stage's own last lines, or DVC's refusal in this project's words.

    Raises BusyError if the refusal is that another DVC command works here.
    """
    if any(re.search(r"failed to run: .*exited with", line) for line in lines):
        return own_lines(lines)[-LAST_LINES:]
    refused = refusal(root, lines[-LAST_LINES:])
    if isinstance(refused, BusyError):
        raise refused
    return str(refused).splitlines()


def own_lines(lines: list[str]) -> list[str]:
    """Return the lines of the stage that ran last, without those that DVC prints around them."""
    end = next((index for index, line in enumerate(lines) if line.startswith("ERROR: failed to reproduce")), len(lines))
    begin = max((index + 1 for index, line in enumerate(lines[:end]) if line.startswith("> ")), default=0)
    return lines[begin:end] or lines
