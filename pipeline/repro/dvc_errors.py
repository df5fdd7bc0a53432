"""Errors of DVC and Git as InputErrors: the problem, what was expected, the file, the next step.

Input: a project's root, and a DVC exception or the lines that a DVC command printed. Output: an InputError. A file that
is broken says more than DVC does; patterns in DVC's text tell all other errors.
"""

import errno
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.repro.project_files import RESTORE, broken_file
from sceneparse.core.errors import BusyError, InputError, TransientError
from sceneparse.core.file_errors import KINDS

OPEN = KINDS[errno.EMFILE]
# Text of DVC, Git or the system -> problem, expected, file below the root, next step. The first match counts.
KNOWN = (
    (
        r"not a git repository|Not a Git repository|Only supported for Git",
        "this is no Git repository",
        "a clone of the project: experiments are commits (sceneparse run and results need no Git)",
        ".",
        "git init, git add --all, git commit",
    ),
    (
        r"no remote specified|config file error: remote .* doesn't exist|remote '.*' doesn't exist",
        "the DVC remote is not configured",
        "a default remote",
        ".dvc/config",
        "dvc remote add --default NAME URL (docs/remotes.md)",
    ),
    (
        r"requires '.*' to be installed",
        "the DVC remote needs a package that is not installed",
        "DVC's package for that kind of remote",
        ".dvc/config",
        "install it, for example: pip install 'dvc[s3]' (docs/remotes.md)",
    ),
    (
        r"config(uration)? (file )?error",
        "DVC's configuration cannot be used",
        "sections and options of dvc config",
        ".dvc/config",
        "fix the option, there or in .dvc/config.local; or git checkout .dvc/config",
    ),
    (
        r"is already tracked by SCM",
        "Git tracks an output of the pipeline",
        "outputs that DVC alone tracks",
        "dvc.yaml",
        "git rm -r --cached PATH, git commit, and run again",
    ),
    (
        r"defined as both a dependency and an output|as an output and as a dependency",
        "the stages form a circle",
        "stages that depend on earlier stages only",
        "dvc.yaml",
        "remove a dep of one of these stages",
    ),
    (
        r"is specified in|is already specified|specified more than once|overlapping|another stage",
        "two stages write the same path",
        "each output in one stage only",
        "dvc.yaml",
        "remove one of the two",
    ),
    (
        r"Could not find '|are missing from|Could not find variable|failed to parse 'stages",
        "the pipeline uses a param that does not exist",
        "each ${...} and each name under params in params.yaml",
        "params.yaml",
        "add it there (sceneparse preset NAME writes the whole file), or remove it from dvc.yaml",
    ),
    (
        r"Unable to locate credentials|Access ?Denied|Forbidden|Unauthorized|InvalidAccessKeyId|SignatureDoesNotMatch"
        r"|[Aa]uthentication|ExpiredToken",
        "the DVC remote refuses the credentials",
        "credentials that may read and write there",
        ".dvc/config.local",
        "set them for this machine: dvc remote modify --local NAME ... (docs/remotes.md)",
    ),
    (
        r"failed to (push|pull|fetch|transfer|upload|download)|files failed to|NoSuchBucket|Could not connect"
        r"|Connection|[Tt]imed? ?out|Name or service not known",
        "the DVC remote cannot be used",
        "a remote that answers",
        ".dvc/config",
        "dvc remote list shows its address; try again when it answers (docs/remotes.md)",
    ),
    (
        r"No space left|[Dd]isk quota exceeded|File too large",
        "there is no space left",
        "space for the outputs and for DVC's cache of them",
        ".",
        "free some: df -h shows where, dvc gc --workspace removes cached files that the workspace does not use",
    ),
    (r"Too many open files", OPEN.problem, OPEN.expected, ".", OPEN.next_step),
    (
        r"Read-only file system|Permission denied|Operation not permitted|[Nn]ot a directory|File exists",
        "a folder of the project cannot be used",
        "folders that this user can write to, .dvc/tmp and DVC's cache included",
        ".",
        "give this user write access (ls -ld, chown), or set another cache: dvc cache dir PATH",
    ),
    (
        r"[Uu]nsaved files",
        "a file stands where an output belongs",
        "outputs as in dvc.lock, or none",
        ".",
        "move it away, or make it again: sceneparse run --force",
    ),
    (
        r"not found inside|does not exist as an output or a stage",
        "there is no such stage",
        "a stage of dvc.yaml",
        "dvc.yaml",
        "dvc stage list names them",
    ),
    (
        r"No such file or directory|missing data|does not exist|missing-files|missing cache|[Cc]heckout failed"
        r"|neither locally nor on remote",
        "a file that a stage needs is missing",
        "the deps of dvc.yaml, and the outputs of earlier stages",
        ".",
        "for code: git checkout PATH; for a stage's output: sceneparse run, or dvc pull",
    ),
)
PASSES = r"No space left|[Dd]isk quota exceeded|Too many open files"  # text of errors after which to try again
BUSY = r"Unable to acquire lock|is busy, it is being|unable to lock"


@contextmanager
def dvc_understood(root: Path) -> Iterator[None]:
    """Turn an error of DVC, or of the system below it, inside the block into an InputError."""
    from dvc.exceptions import DvcException

    try:
        yield
    except (DvcException, OSError) as error:
        text, cause = str(error), error.__cause__
        while cause:
            text, cause = text if str(cause) in text else f"{text}: {cause}", cause.__cause__
        raise refusal(root, text.splitlines() or [f"{type(error).__name__} without a message"]) from error


def at_work(root: Path, got: str) -> BusyError:
    """Return the error for a workspace in which another DVC command works."""
    return BusyError(
        "DVC is at work in this workspace",
        expected="one command at a time",
        got=got,
        file=root,
        next_step="wait for it to end, or stop it",
    )


def passes(printed: Iterable[str]) -> bool:
    """Return whether lines of a failed command name a reason that may pass."""
    return any(re.search(PASSES, line) for line in printed)


def refusal(root: Path, printed: Sequence[str]) -> InputError:
    """Return the error for the lines of a DVC exception or of a failed command."""
    if broken := broken_file(root):
        return broken
    lines = [line.strip() for line in printed if line.strip() and "dvc.org" not in line]
    start = next((index for index, line in enumerate(lines) if line.startswith(("ERROR:", "fatal:"))), 0)
    lines = [line.removeprefix("ERROR: ").removeprefix("unexpected error - ") for line in lines[start:]]
    text, got = "\n".join(lines), "\n            ".join(lines[:8])  # aligned in the error's column
    if invalid := re.search(r"(dvc\.yaml|dvc\.lock)' validation failed", text):
        name = invalid[1]
        problem, expected = f"{name} does not fit DVC's schema", "the keys of DVC's schema"
        return InputError(problem, expected=expected, got=got, file=root / name, next_step=RESTORE[name])
    if re.search(BUSY, text):
        return at_work(root, got)
    for words, problem, expected, file, step in KNOWN:
        if re.search(words, text):
            kind = TransientError if passes(lines) else InputError
            return kind(problem, expected=expected, got=got, file=root / file, next_step=step)
    return InputError(
        "DVC refuses to work here",
        expected="a project that DVC can work in",
        got=got or "no message",
        file=root,
        next_step="dvc status --verbose shows more, and dvc doctor the versions in use",
    )
