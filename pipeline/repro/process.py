"""Commands under a supervisor: their output as it comes, and no process left when the caller ends.

Input: a command. Output: its exit status and its output. Invariant: when the block ends, by an exception, a signal or
`kill -9`, every process that the command started ends within seconds (pipeline/repro/supervisor.py). Output goes
through a file rather than a pipe, so that a command whose reader was killed can still print while it saves its state.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.repro import supervisor
from pipeline.repro.supervisor import ALONE_SECONDS, GRACE_SECONDS

POLL_SECONDS = 0.1

OnOutput = Callable[[bytes], None]


@contextmanager
def supervised(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    output: Path,
    alone: float = ALONE_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start `command` with its standard output and error in the file `output`; end it with the block.

    `alone`: seconds that the command has after the end of all processes that it started, before it is ended, too.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as file:
        process = subprocess.Popen(
            # Run by its path, and without the workspace's own packages: a workspace may hold another version.
            [sys.executable, "-P", supervisor.__file__, str(alone), *command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a terminal's Ctrl-C reaches this process alone
        )
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()  # tells the supervisor to end
        with suppress(subprocess.TimeoutExpired):
            process.wait(2 * GRACE_SECONDS + 2)
        process.kill()


def run_supervised(
    command: Sequence[str], on_output: OnOutput, *, cwd: Path, environment: Mapping[str, str], output: Path
) -> int:
    """Run `command`, pass each piece of its output to `on_output`, and return the exit status."""
    with (
        supervised(command, cwd=cwd, environment=environment, output=output) as process,
        output.open("rb") as reader,
    ):
        while True:
            ended = process.poll() is not None  # checked before reading, so that no last line is missed
            if chunk := reader.read():
                on_output(chunk)
            elif ended:
                return process.returncode
            else:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_SECONDS)


def exit_by(number: int, _: object) -> None:
    """Handle a signal: exit with 128 + its number, and end the commands under a supervisor on the way out."""
    sys.exit(128 + number)


class Lines:
    """Splitter of output into lines; of a progress bar only the last state counts.

    `last` holds the last `keep` lines that are not empty, `bar` the present state of a progress bar.
    """

    def __init__(self, keep: int = 15) -> None:
        self.last: list[str] = []
        self._keep, self._rest = keep, b""

    @property
    def bar(self) -> str:
        """Present state of the progress bar that is the unfinished line, or ''."""
        return _last_state(self._rest) if b"\r" in self._rest else ""

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines that `chunk` completes, without empty ones."""
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        lines = [text for text in map(_last_state, whole) if text]
        # A bar that is redrawn for hours is one line: keep only its last state.
        self._rest = self._rest[max(0, self._rest.rstrip(b"\r").rfind(b"\r")) :]
        self.last = [*self.last, *lines][-self._keep :]
        return lines


def _last_state(line: bytes) -> str:
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace").rstrip()
