"""Locks: one holder at a time, which a refusal names; a killed one leaves nothing that needs an administrator."""

import errno
import fcntl
import os
import socket
import subprocess
import sys

import pytest

from sceneparse.core.errors import BusyError, InputError, TransientError
from sceneparse.core.locks import locked, open_alone

HOLDER = """
import sys, time
from pathlib import Path
from sceneparse.core.locks import locked
with locked(Path(sys.argv[1]), "working here"):
    print("held", flush=True)
    time.sleep(600)
"""
# Each round counts whoever is inside; two at a time would both read the number of one.
CONTENDER = """
import os, sys
from contextlib import suppress
from pathlib import Path
from sceneparse.core.errors import BusyError
from sceneparse.core.locks import locked
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
while rounds:
    with suppress(BusyError), locked(folder / "lock", "counting"):
        inside = os.open(folder / "inside", os.O_CREAT | os.O_EXCL)  # fails if another process is inside
        os.close(inside)
        (folder / "inside").unlink()
        rounds -= 1
"""


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path):
    lock = tmp_path / "state" / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, lock], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError) as refused, locked(lock, "waiting here"):
            pass
        assert refused.value.problem == "another process is waiting here"
        assert refused.value.got == f"process {holder.pid} on {socket.gethostname()}, working here"
        assert refused.value.file == str(lock)
        assert isinstance(refused.value, TransientError), "it may pass"
        holder.kill()
    with locked(lock, "waiting here"):
        assert lock.read_text() == f"process {os.getpid()} on {socket.gethostname()}, waiting here"
    assert not lock.exists()


def test_one_process_does_not_hold_a_lock_twice(tmp_path):
    with locked(tmp_path / "lock", "working"):
        with pytest.raises(BusyError, match=f"process {os.getpid()} "), locked(tmp_path / "lock", "working"):
            pass
        assert (tmp_path / "lock").exists()
    with locked(tmp_path / "lock", "working"):
        pass


def test_a_file_that_its_user_renames_is_not_handed_to_the_next_one(tmp_path):
    """The lock of a file that was renamed says nothing about the name any more."""
    with open_alone(tmp_path / "file") as first:
        (tmp_path / "file").rename(tmp_path / "elsewhere")
        with open_alone(tmp_path / "file") as second:
            assert not os.path.sameopenfile(first.fileno(), second.fileno())


@pytest.mark.parametrize("rounds", [200, pytest.param(20_000, marks=pytest.mark.soak)])
def test_many_take_turns_at_a_lock_that_each_removes(tmp_path, rounds):
    command = [sys.executable, "-c", CONTENDER, tmp_path, str(rounds)]
    contenders = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(contender.communicate()[1], contender.returncode) for contender in contenders] == [("", 0)] * 3
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_locks_is_named(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(InputError, match="Function not implemented") as refused:
        open_alone(tmp_path / "file")
    assert refused.value.file == str(tmp_path / "file")
