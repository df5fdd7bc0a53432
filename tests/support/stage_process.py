"""A stage in a process of its own, within limits of the system, and what its refusal must look like."""

import resource
import subprocess
import sys
from pathlib import Path

from command import ENVIRONMENT

ROOT = Path(__file__).parents[2]


def stage(name, folder, *before, limits=None, cwd=ROOT, **paths):
    """Run a stage on files in a folder; `limits`: resource limits, by their names."""
    flags = [word for key, path in paths.items() for word in (f"--{key.replace('_', '-')}", str(folder / path))]
    words = [
        *before,
        sys.executable,
        "-m",
        f"stages.{name}",
        "--params",
        str(folder / "params.yaml"),
        *flags,
    ]

    # Python would keep compiled code that the limit cuts off.
    environment = ENVIRONMENT | ({"PYTHONDONTWRITEBYTECODE": "1"} if limits else {})

    def limit():
        for key, value in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{key}"), (value, value))

    return subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, check=False, preexec_fn=limits and limit
    )


def refused(done, status, *said):
    """Check for the house's error: its status, four fields, no traceback."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert "defect" not in done.stderr, f"{done.args}: {done.stderr}"
    for part in ("error: ", "expected: ", "got: ", "file: ", "next: ", *said):
        assert part in done.stderr, done.stderr
