"""Programs that use the Git repository of the folder in which they start: their environment, and Git itself."""

import os
import subprocess
from pathlib import Path

# Git sets these for what its hooks, aliases and `rebase --exec` start, above all in linked worktrees: then Git's
# commands act on that repository whatever folder they start in. `git rev-parse --local-env-vars` lists them, and
# GIT_CONFIG_COUNT and GIT_CONFIG_PARAMETERS, which stay: settings of the user's, such as safe.directory.
TIES = frozenset(
    (
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_CONFIG"),
        *("GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE"),
        *("GIT_GRAFT_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_INTERNAL_SUPER_PREFIX"),
    )
)


def untied_environment() -> dict[str, str]:
    """Return this process's environment without the variables that tie Git to one repository."""
    return {name: value for name, value in os.environ.items() if name not in TIES}


def git_output(root: Path, *arguments: str) -> bytes | None:
    """Return what a Git command in `root` printed; None if it failed, and without Git, which a run does not need."""
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, cwd=root, env=untied_environment(), capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout
