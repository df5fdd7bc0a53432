"""Peak memory of a program and of all processes that it starts."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from command import ENVIRONMENT

# In a small process between: a child's peak begins with its parent's size, and tests are large.
BETWEEN = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], check=False)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


def peak_of(words: Sequence[object], cwd: Path) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run a program; return what it said, and the megabytes of its largest process."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", BETWEEN, *map(str, words)],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    said, _, peak = done.stderr.strip().rpartition("\n")
    done.stderr = said
    return done, int(peak) * UNIT / 2**20
