"""Nothing outlives what it works for: workers their stage, a stage DVC, all of them `make demo`; no more than that."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from daemons import PATIENCE
from flow_runs import command_line
from prepare_process import Prepare, runs, wait_for_end
from workspace import Workspace, tiny

from sceneparse.core.errors import TransientError
from sceneparse.core.parallel import WorkerProcesses, in_order

KILL, TERM, HUP, INT = signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT
# Sets a variable for a child, as DVC does, and waits for it; below a shell that waits, too, or in its place.
STARTER = """
import os, subprocess, sys
subprocess.run(sys.argv[1:], env={**os.environ, "STARTED_BY": "this"})
"""
# Looks for its starter after a while, and ends with it.
STARTED = """
import logging, os, sys, time
from sceneparse.core.ends import end_with, exit_on_stops, starter
print(os.getpid(), flush=True)
time.sleep(float(sys.argv[1]))
end_with([starter("STARTED_BY")], exit_on_stops())
print("follows", flush=True)
time.sleep(600)
"""

# Its first signal reaches the watching thread alone, as if the main thread had been about to wait.
MISSED = """
import os, signal, threading
kill = os.kill

def miss(_, number):
    os.kill = kill
    signal.pthread_kill(threading.get_ident(), number)

os.kill = miss
"""

LEVELS = ("make", "dvc", "stages.train")


def exhaustive(*values):
    return pytest.param(*values, marks=pytest.mark.exhaustive)


def soak(*values):
    return pytest.param(*values, marks=pytest.mark.soak)


@pytest.mark.parametrize("number", [KILL, exhaustive(TERM)])
@pytest.mark.parametrize("shell", ['exec "$0" -c "$1" 0', '"$0" -c "$1" 0; true'])
def test_the_starter_s_end_comes_through_a_shell(root, shell, number):
    """A program takes its shell's place, or the shell waits for it."""
    command = [sys.executable, "-c", STARTER, "sh", "-c", shell, sys.executable, STARTED]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        started = psutil.Process(int(process.stdout.readline()))
        assert process.stdout.readline() == "follows\n"
        time.sleep(0.3)
        before = runs(started), started.ppid() == process.pid
        process.send_signal(number)
        process.wait()
        assert wait_for_end([started], seconds=60) == []
    assert before == (True, shell.startswith("exec"))


@pytest.mark.slow
def test_a_starter_that_ended_before_it_was_looked_for(root):
    command = [sys.executable, "-c", STARTER, sys.executable, "-c", STARTED, "1"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        started = psutil.Process(int(process.stdout.readline()))
        process.kill()
        process.wait()
        assert wait_for_end([started], seconds=60) == []


@pytest.mark.slow
def test_a_signal_that_does_not_interrupt_a_wait_comes_again(root):
    command = [sys.executable, "-c", STARTER, sys.executable, "-c", MISSED + STARTED, "1"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        started = psutil.Process(int(process.stdout.readline()))
        process.kill()
        process.wait()
        assert wait_for_end([started], seconds=60) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [KILL, exhaustive(TERM), exhaustive(HUP), exhaustive(INT)])
def test_workers_end_with_their_stage(tmp_path, number):
    stage = Prepare(tmp_path / "place", size=512)
    process = stage.start()
    family = stage.wait_for_shard(process)
    assert len(family) >= 2, "a worker, and multiprocessing's own"
    process.send_signal(number)
    assert process.wait() == (-KILL if number == KILL else 128 + number)
    assert wait_for_end(family, seconds=60) == []
    if number != KILL:
        assert stage.left_over() == []


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["start", exhaustive("work"), *(soak(tenth / 10) for tenth in range(2, 30))])
def test_ctrl_c_in_a_terminal_is_one_line(tmp_path, moment):
    """A terminal interrupts all of its processes: as workers start, as they work, or after so many seconds."""
    stage = Prepare(tmp_path / "place", size=512)
    process = stage.start()
    if moment == "start":
        while not any(child.cpu_times().user > 0.2 for child in psutil.Process(process.pid).children()):
            time.sleep(0.01)  # a worker has been importing modules for so long
    elif moment == "work":
        stage.wait_for_shard(process)
    else:
        time.sleep(moment)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, INT)
    assert process.wait() in (128 + INT, -INT)  # the latter by Python, before the stage has begun
    said = stage.log.read_text().splitlines()
    assert len(said) == 1, said
    assert said[0].startswith("stopped")
    assert wait_for_end(family, seconds=60) == []
    assert stage.left_over() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "end"), [(KILL, ""), *(exhaustive(n, end) for n in (KILL, TERM, HUP) for end in ("", "; true"))]
)
def test_a_stage_ends_with_dvc(tmp_path, number, end):
    stage = Prepare(tmp_path / "place", size=512)
    stage.make_repository(end)
    dvc = stage.dvc_repro()
    family = stage.wait_for_shard(dvc)
    dvc.send_signal(number)
    dvc.wait()
    assert wait_for_end(family, seconds=60) == []
    assert not stage.records.exists(), "it did not just come to its end"
    assert stage.left_over() == []
    assert "Traceback" not in stage.log.read_text()


@pytest.mark.slow
def test_a_stage_that_was_started_by_hand_outlives_its_shell_and_its_terminal(tmp_path):
    stage = Prepare(tmp_path / "place", size=64)
    command = f"nohup {' '.join(stage.command)} & echo $! > pid"
    shell = stage.start("sh", "-c", command)
    assert shell.wait() == 0
    process = psutil.Process(int((stage.place / "pid").read_text()))
    stage.wait_for_shard(process)  # until it is nohup's, a hangup ends it
    os.killpg(shell.pid, HUP)
    while runs(process):
        time.sleep(0.02)
    assert stage.is_whole(), stage.log.read_text()


def test_a_killed_worker_ends_the_stage_for_now():
    with pytest.raises(TransientError) as failure, WorkerProcesses(1) as pool:
        list(in_order(pool, os._exit, [1], ahead=2))
    assert "process" in failure.value.got


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_repro_again_and_again_after_kills_at_random_moments(tmp_path):
    """Each time at once, while what the killed one left may still end."""
    stage = Prepare(tmp_path / "place", size=256)
    stage.make_repository()
    moments, families = random.Random(0), []  # noqa: S311 - no secret
    for _ in range(20):
        dvc = stage.dvc_repro()
        time.sleep(moments.uniform(0.0, 6.0))
        if dvc.poll() is None:
            families.append(psutil.Process(dvc.pid).children(recursive=True))
            dvc.send_signal(moments.choice((KILL, TERM)))
        if dvc.wait() == 0:
            assert stage.is_whole()
            (stage.place / "dvc.lock").unlink()
            (stage.place / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    assert wait_for_end([process for family in families for process in family], seconds=60) == []


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A workspace for `make demo`, whose installation is done. All but the training has run; that would take days."""
    workspace = tiny(Workspace(tmp_path_factory.mktemp("installed") / "project"))
    workspace.set_param("train.epochs", 1_000_000)
    (workspace.path / ".venv").mkdir()
    (workspace.path / ".venv/installed").touch()
    workspace.run("dvc", "repro", "prepare", "weights")
    workspace.commit("prepared")
    return workspace


@pytest.mark.parametrize(
    ("level", "number"),
    [
        *(exhaustive(*each) for each in (("make", TERM), ("dvc", KILL))),
        *(soak(*each) for each in itertools.product(LEVELS, (KILL, TERM, HUP, INT))),
    ],
)
def test_make_demo_leaves_nothing_at_any_level(installed, tmp_path, level, number):
    """Where a program waits for its command in spite of a signal that it alone got, SIGTERM ends both afterwards."""
    workspace = installed.copy(tmp_path / "project")
    environment = {**workspace.environment, "PYTHONFAULTHANDLER": "1"}
    with (tmp_path / "log").open("wb") as log:
        make = subprocess.Popen(["make", "demo"], cwd=workspace.path, env=environment, stdout=log, stderr=log)
    deadline = time.monotonic() + PATIENCE
    while "starting at step" not in (tmp_path / "log").read_text():
        assert make.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    family = [psutil.Process(make.pid), *psutil.Process(make.pid).children(recursive=True)]
    target = next(process for process in family if level in " ".join(command_line(process)))
    target.send_signal(number)
    if (level, number) in (("make", HUP), ("make", INT), ("dvc", INT)):
        assert len(wait_for_end(family, seconds=2, kill=False)) == len(family)
        target.send_signal(TERM)
    left = wait_for_end(family, seconds=120, kill=False)
    for process in left:
        process.send_signal(signal.SIGABRT)  # faulthandler writes the stacks of its threads
    make.wait(PATIENCE)
    assert left == [], (tmp_path / "log").read_text()[-10_000:]
    assert (level, number) == ("stages.train", KILL) or "with its state saved" in (tmp_path / "log").read_text()
    assert workspace.run("git", "status", "--porcelain") == ""
