"""Run a command, and end with it every process that it started: `python -P supervisor.py ALONE COMMAND...`.

Standard input is a pipe that the owner holds open and never writes to. The kernel closes it when the owner ends in any
way, `kill -9` included. Then every descendant gets SIGTERM, and SIGKILL if it still runs after GRACE_SECONDS. DVC needs
this: on SIGTERM it dies alone, and not every stage notices. The command itself gets its signal last, after ALONE
seconds without other processes: DVC, killed while it records the end of its stage, would leave a torn file of locks,
and every later DVC command in that workspace would fail. If a slow disk delays DVC for longer, the torn file is removed
at the end.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

GRACE_SECONDS = 8.0  # enough for training to finish its step and save its state
ALONE_SECONDS = 3.0  # for DVC
PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


def main() -> None:
    """Run the command and exit with its status, or 128 + the signal that killed it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ignore)  # the owner decides; unlike SIG_IGN, children do not inherit a handler
    if prctl := getattr(ctypes.CDLL(None), "prctl", None):  # Linux only: orphans become children of this process
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child_ended, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _ignore)

    alone, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while child.poll() is None:
        ready, _, _ = select.select([child_ended, sys.stdin], [], [])
        if sys.stdin in ready:  # end of file: the owner has ended, or closed the pipe
            break
        os.read(child_ended, 4096)
    # Processes that outlive the command end here, too.
    _end_all(signal.SIGTERM, GRACE_SECONDS, last=child.pid, alone=float(alone))
    _end_all(signal.SIGKILL, GRACE_SECONDS)
    _remove_torn_locks()
    status = child.wait()
    with suppress(ChildProcessError):  # no child is left
        while os.waitpid(-1, os.WNOHANG)[0]:  # collects orphans: not every machine's init does
            pass
    sys.exit(status if status >= 0 else 128 - status)


def _end_all(number: signal.Signals, patience: float, last: int = 0, alone: float = 0.0) -> None:
    """Send every descendant a signal, and wait for at most `patience` seconds until none is left.

    The process `last` gets the signal when it has been the only one for `alone` seconds.
    """
    deadline, signalled = time.monotonic() + patience, set[psutil.Process]()
    alone_since = float("inf")
    while (left := _descendants()) and (now := time.monotonic()) < deadline:
        alone_since = min(alone_since, now) if {process.pid for process in left} == {last} else float("inf")
        for process in left - signalled:  # new processes included
            if process.pid == last and now < alone_since + alone:
                continue
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
            signalled.add(process)
        time.sleep(0.02)


def _remove_torn_locks() -> None:
    try:
        json.loads(Path(".dvc/tmp/rwlock").read_bytes())
    except OSError:
        return
    except ValueError:
        from pipeline.repro.project import Project  # here, because it is rare and DVC takes long to import
        from sceneparse.core.errors import InputError

        with suppress(InputError):  # DVC is at work: the file was only half written
            Project(Path.cwd()).check_free()


def _descendants() -> set[psutil.Process]:
    """Return the descendants that run; zombies do not count."""
    running = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                running.add(process)
        except psutil.NoSuchProcess:
            continue
    return running


def _ignore(*_: object) -> None:
    pass


if __name__ == "__main__":
    main()
