"""dvc.lock, DVC's record of what the stages made, kept whole: DVC writes it in place, so a kill can leave it torn.

Input: the root of a DVC repository. Invariant: each stage of a run leaves a copy of a whole dvc.lock, and a torn one is
replaced by that copy or by the last commit's file, whichever more stages agree with.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.repro.git_environment import git_output
from pipeline.repro.project import WRITE_SECONDS, Project
from pipeline.repro.project_files import MOST_BYTES
from sceneparse.core.documents import parse_yaml
from sceneparse.core.files import write_text
from sceneparse.core.terminal import print_text

LOCK, COPY = Path("dvc.lock"), Path("state/flow/dvc.lock")


def keep_copy(root: Path) -> None:
    """Copy dvc.lock, if it is whole."""
    text = _read(root / LOCK)
    if text != _read(root / COPY) and is_whole(text):
        write_text(root / COPY, text)


def restore_torn(root: Path) -> None:
    """Replace dvc.lock if it is torn and a whole copy exists.

    Raises BusyError while another command works here: it may be writing the file.
    """
    deadline = time.monotonic() + WRITE_SECONDS
    while _is_torn(root):
        if time.monotonic() < deadline:
            time.sleep(0.1)
            continue
        with Project(root).held():
            candidates = [text for text in _candidates(root) if is_whole(text)]
            if candidates:
                write_text(root / LOCK, max(candidates, key=lambda text: _agreeing_stages(root, text)))
                print_text(f"note: {LOCK} was torn, and is restored", sys.stderr)
        return


def _is_torn(root: Path) -> bool:
    text = _read(root / LOCK)
    known = text and text == _read(root / COPY)  # which is whole
    return (root / LOCK).exists() and not known and not is_whole(text)


def uncommitted(root: Path, files: Iterable[str]) -> list[str]:
    """Return the files that Git's last commit does not have as they are; all of them without Git or a commit.

    Git compares them: it may store other line ends than the files have.
    """
    return [file for file in files if git_output(root, "status", "--porcelain", "--ignored", "--", f"./{file}") != b""]


def _candidates(root: Path) -> Iterator[str]:
    yield _read(root / COPY)
    yield from _last_commit(root, str(LOCK))


def _last_commit(root: Path, file: str) -> Iterator[str]:
    """Yield a file's text in Git's last commit, if that has it."""
    content = git_output(root, "show", f"HEAD:./{file}")
    if content is not None:
        yield content.decode(errors="replace")


def _agreeing_stages(root: Path, text: str) -> int:
    """Return how many stages are up to date by this text; writes it into dvc.lock to find out."""
    write_text(root / LOCK, text)
    project = Project(root)
    return sum(not project.changes(stage.name) for stage in project.stages())


def is_whole(text: str) -> bool:
    """Return whether a text is a dvc.lock by DVC's schema."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, MOST_BYTES))
    except (ValueError, Invalid):
        return False
    return True


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
