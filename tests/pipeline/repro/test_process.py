"""Commands under a supervisor, and the lines of their output."""

import os
import subprocess
import sys
import time

import psutil
import pytest
from daemons import PATIENCE

from pipeline.repro.process import Lines, run_supervised, supervised

ORPHAN = "import subprocess; print(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid, flush=True)"
STUBBORN = f"import signal, time; signal.signal(15, signal.SIG_IGN); {ORPHAN}; time.sleep(1000)"


@pytest.fixture
def where(tmp_path):
    return {"cwd": tmp_path, "environment": os.environ, "output": tmp_path / "logs/output"}


def test_a_command_ends_with_its_own_status_and_output(where):
    chunks = []
    script = "import sys, time; print('one', flush=True); time.sleep(0.3); print('two', file=sys.stderr); sys.exit(7)"
    assert run_supervised([sys.executable, "-c", script], chunks.append, **where) == 7
    assert b"".join(chunks) == b"one\ntwo\n"
    assert len(chunks) == 2, "output comes as it is written"
    assert run_supervised(["sh", "-c", "kill -9 $$"], chunks.append, **where) == 128 + 9
    assert run_supervised(["true"], chunks.append, **where) == 0


def test_what_outlives_its_command_is_ended_with_it(where):
    chunks = []
    assert run_supervised([sys.executable, "-c", ORPHAN], chunks.append, **where) == 0
    assert not psutil.pid_exists(int(b"".join(chunks)))


@pytest.mark.slow
def test_the_end_of_the_block_ends_what_does_not_heed_sigterm(where):
    with supervised([sys.executable, "-c", STUBBORN], **where) as process:
        while not (said := where["output"].read_text().strip()):
            time.sleep(0.02)
        family = psutil.Process(process.pid).children(recursive=True)
        assert int(said) in {member.pid for member in family}
        assert len(family) == 2
    assert not any(member.is_running() for member in family)


def test_the_command_itself_is_told_last(where):
    """DVC writes so at the end of its stage: the file must be whole."""
    script = """
import signal, subprocess, time
signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
stage = subprocess.Popen(["sleep", "1000"])
print("runs", flush=True)
status = stage.wait()
time.sleep(0.3)
print(f"stage ended: {status}", flush=True)
"""
    with supervised([sys.executable, "-c", script], **where):
        while not where["output"].read_text():
            time.sleep(0.02)
    assert where["output"].read_text().splitlines() == ["runs", "stage ended: -15"]


def test_a_command_that_does_not_end_by_itself_is_told_too(where):
    script = "import time; print('runs', flush=True); time.sleep(1000)"
    with supervised([sys.executable, "-c", script], **where) as process:
        while not where["output"].read_text():
            time.sleep(0.02)
    assert process.returncode == 128 + 15, "it is not killed"


@pytest.mark.slow
def test_the_end_of_the_owner_ends_it_too(where):
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom pipeline.repro.process import supervised\n"
        f"with supervised([sys.executable, '-c', {STUBBORN!r}], cwd=Path.cwd(), environment=os.environ, "
        f"output=Path({str(where['output'])!r})) as process:\n    process.wait()"
    )
    owner = subprocess.Popen([sys.executable, "-c", script])
    while not where["output"].exists() or not where["output"].read_text().strip():
        time.sleep(0.02)
    family = psutil.Process(owner.pid).children(recursive=True)
    assert len(family) == 3
    owner.kill()
    owner.wait()
    gone, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
    assert len(gone) == 3


def test_a_bar_is_one_line_that_says_how_it_ended():
    lines = Lines(keep=2)
    assert lines.feed(b"first\n\nsec") == ["first"]
    assert lines.bar == ""
    assert lines.feed(b"ond\n\rstep 1\rstep") == ["second"]
    assert lines.bar == "step"
    assert lines.feed(b" 2") == []
    assert lines.bar == "step 2"
    assert lines.feed(b"\rstep 3\r") == []
    assert lines.bar == "step 3"
    assert lines.feed(b"\rstep 4\ndone\r\n") == ["step 4", "done"]
    assert lines.last == ["step 4", "done"]
    for _ in range(1000):
        lines.feed(b"\r" + b"x" * 100)
    assert len(lines._rest) < 1000, "a bar drawn for hours takes no memory"
