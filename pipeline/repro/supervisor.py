"""Runs one command and ends with it everything that it started: `python -m pipeline.repro.supervisor COMMAND...`.

Standard input is a pipe that the owner holds open and never writes to. The kernel closes it when the owner
ends, in whatever way, `kill -9` included; then every descendant gets SIGTERM, and SIGKILL if it is still
there after GRACE_SECONDS. DVC needs this: on SIGTERM it dies alone and its stage trains on. The command itself
is told last, when it has had ALONE_SECONDS to end on its own: DVC, told while it takes note of its stage's
end, would leave half a file of locks behind, and no DVC command would work in that workspace any more. Where a
slow disk holds it up for longer than that, the file is removed in the end.
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
ALONE_SECONDS = 3.0
PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


def main() -> None:
    """Run the command, exit with its status (128 + signal when it was killed)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _heed_not)  # the owner decides; a handler, unlike SIG_IGN, is not inherited
    if prctl := getattr(ctypes.CDLL(None), "prctl", None):  # Linux alone: orphans become children of this process
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child_ended, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _heed_not)

    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    while child.poll() is None:
        ready, _, _ = select.select([child_ended, sys.stdin], [], [])
        if sys.stdin in ready:  # end of file: the owner is gone, or wants this to stop
            break
        os.read(child_ended, 4096)
    # What outlives its command is ended too.
    _end_all(signal.SIGTERM, GRACE_SECONDS, last=child.pid)
    _end_all(signal.SIGKILL, GRACE_SECONDS)
    _remove_torn_locks()
    status = child.wait()
    with suppress(ChildProcessError):  # none is left
        while os.waitpid(-1, os.WNOHANG)[0]:  # adopted ones: not every machine's init collects them
            pass
    sys.exit(status if status >= 0 else 128 - status)


def _end_all(number: signal.Signals, patience: float, last: int = 0) -> None:
    """Send every descendant a signal, and wait until none is left or patience has run out.

    The process `last` gets it when it has been the only one for ALONE_SECONDS.
    """
    deadline, told = time.monotonic() + patience, set[psutil.Process]()
    alone_since = float("inf")
    while (left := _descendants()) and (now := time.monotonic()) < deadline:
        alone_since = min(alone_since, now) if {process.pid for process in left} == {last} else float("inf")
        for process in left - told:  # also those that were started meanwhile
            if process.pid == last and now < alone_since + ALONE_SECONDS:
                continue
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
            told.add(process)
        time.sleep(0.02)


def _remove_torn_locks() -> None:
    try:
        json.loads(Path(".dvc/tmp/rwlock").read_bytes())
    except OSError:
        return
    except ValueError:
        sys.path.pop(0)  # what runs in the workspace is not to be imported from there
        # Here alone: this is rare, and DVC takes long.
        from pipeline.repro.project import Project
        from sceneparse.core.errors import InputError

        with suppress(InputError):  # whoever is at work mends it, or it was read half written
            Project(Path.cwd()).users()


def _descendants() -> set[psutil.Process]:
    """Those that still run: what has ended and waits to be collected does not count."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.add(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _heed_not(*_: object) -> None:
    pass


if __name__ == "__main__":
    main()
