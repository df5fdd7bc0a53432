"""A terminal shows colours and fitting columns; a pipe gets the text alone."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios

import pytest

ERROR = """
import sys
from sceneparse.core.errors import InputError, exit_with
exit_with(InputError("the file is bad", expected="a good one", got="a note:", file="a[red]b.txt", next_step="mend it"))
"""
TABLE = """
from sceneparse.core.tables import print_table
print_table(["input", "share"], [["a-folder/" * 8 + "[bold]street.jpg", 0.25], ["tree.jpg", None]])
"""
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(code, width=40, **environment):
    """Return what `code` writes to a terminal of so many columns."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, width, 0, 0))
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=plain | {"TERM": "xterm"} | environment
    )
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 1 << 16):
            written += part
    except OSError:  # Linux ends a terminal without writers so
        pass
    os.close(ours)
    process.wait()
    return written.decode().replace("\r\n", "\n")


def in_pipe(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_an_error_stands_out_on_a_terminal_alone():
    seen, piped = on_terminal(ERROR), in_pipe(ERROR).stderr
    assert seen.startswith("\x1b[1;31merror\x1b[0m:")
    assert "\x1b[2m  next:\x1b[0m" in seen
    assert ESCAPE.sub("", seen) == piped
    assert "\x1b" not in piped


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colours_can_be_turned_off(environment):
    seen = on_terminal(ERROR, **environment)
    assert "31m" not in seen
    assert ESCAPE.sub("", seen) == in_pipe(ERROR).stderr


def test_a_table_fits_the_terminal_and_keeps_its_text():
    seen = ESCAPE.sub("", on_terminal(TABLE))
    assert max(map(len, seen.splitlines())) <= 40
    assert "0.2500" in seen
    first = "".join(line[:31].strip() for line in seen.splitlines()[2:-1])
    assert first == "a-folder/" * 8 + "[bold]street.jpg"
    assert in_pipe(TABLE).stdout.splitlines()[1].endswith("[bold]street.jpg  0.2500")
