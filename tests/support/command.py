"""The `sceneparse` command of this source tree, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def command(*words: object) -> list[str]:
    """Return the command's words, for Popen; any warning is an error."""
    return [sys.executable, "-W", "error", "-m", "pipeline.cli.main", *map(str, words)]


def sceneparse(*words: object, cwd: Path, before: Sequence[str] = (), **options: Any) -> subprocess.CompletedProcess:
    """Run the command in the folder `cwd`; `before`: words of a program that starts it."""
    options = {"env": ENVIRONMENT, "capture_output": True, "text": True, **options}
    return subprocess.run([*before, *command(*words)], cwd=cwd, check=False, **options)
