"""Bars on terminals, lines elsewhere, and log lines that stand by themselves."""

import os
import pty
import re
import subprocess
import sys
import termios

import pytest

SCRIPT = """
import logging, sys, time
from sceneparse.core import progress
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", handlers=[progress.AboveBars()])
progress.RARE_SECONDS = {rare}
with progress.progress(total=4, desc="work", unit="step", mininterval=0) as bar:
    for step in range(1, 5):
        time.sleep(0.05)
        bar.update()
        logging.info("step %d done", step)
logging.warning("the end")
"""
LOGGED = [*(f"INFO step {step} done" for step in range(1, 5)), "WARNING the end"]


@pytest.fixture
def printed(root):
    """Return the script's standard error, which is a terminal or a pipe."""

    def run(*, terminal, rare=30, **environment):
        reader, writer = pty.openpty() if terminal else os.pipe()
        if terminal:
            termios.tcsetwinsize(writer, (24, 60))
        environment = {**os.environ, "PYTHONPATH": str(root), **environment}
        process = subprocess.Popen([sys.executable, "-c", SCRIPT.format(rare=rare)], stderr=writer, env=environment)
        os.close(writer)
        content = b""
        try:
            while chunk := os.read(reader, 4096):
                content += chunk
        except OSError:  # a terminal's way to say that nobody has it open any more
            pass
        os.close(reader)
        assert process.wait() == 0, content
        return content.decode().replace("\r\n", "\n")

    return run


def on_screen(text):
    """Return the lines that a terminal finally shows: after a carriage return, text covers the line."""
    lines = []
    for raw in text.split("\n"):
        line = ""
        for part in raw.split("\r"):
            line = part + line[len(part) :]
        lines.append(line.rstrip())
    return lines


def test_log_lines_stand_above_a_bar(printed):
    text = printed(terminal=True)
    *logged, bar, end, rest = on_screen(text)
    assert logged == LOGGED[:-1]
    assert bar.startswith("work: 100%|")
    assert "4/4" in bar
    assert (end, rest) == (LOGGED[-1], "")
    assert text.count("work:") > 4, "it was drawn all the time"


def test_short_work_draws_nothing_where_there_is_no_terminal(printed):
    assert printed(terminal=False).splitlines() == LOGGED


def test_long_work_says_now_and_then_how_far_it_is(printed):
    text = printed(terminal=False, rare=0.07)
    assert "\r" not in text
    lines = text.splitlines()
    assert [line for line in lines if not line.startswith("work: ")] == LOGGED
    assert 1 <= len(lines) - len(LOGGED) <= 5
    assert re.match(r"work: 4/4 \[00:\d\d<00:00, ", lines[-2]), "and how it ended"


def test_whoever_has_a_terminal_can_ask_for_bars_in_a_pipe(printed):
    text = printed(terminal=False, SCENEPARSE_BARS="1")
    assert on_screen(text)[:4] == LOGGED[:4]
    assert "\rwork: 100%|" in text
