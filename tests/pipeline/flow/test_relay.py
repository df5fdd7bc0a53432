"""A stage's output reaches the terminal as it comes, and Prefect's logs line by line, with a bar now and then."""

import logging
import sys

import pytest
from prefect.logging.handlers import PrefectConsoleHandler

from pipeline.flow import relay
from pipeline.flow.relay import Relay


def test_lines_are_logged_and_bars_looked_at_now_and_then(capfdbinary, caplog, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(relay.time, "monotonic", lambda: clock[0])
    chunks = [b"begin\n", b"\rstep 1", b"\rstep 2", b"\rstep 3", b"\rstep 4", b"\nend\n"]
    with caplog.at_level(logging.INFO):
        passing = Relay(logging.getLogger("stage"))
        for chunk in chunks:
            passing(chunk)
            clock[0] += 20  # seconds
    assert capfdbinary.readouterr().err == b"".join(chunks)
    assert [record.message for record in caplog.records] == ["begin", "step 2", "step 4", "step 4", "end"]


def test_a_line_above_a_bar_is_logged_without_the_bar(capfdbinary, caplog):
    with caplog.at_level(logging.INFO):
        passing = Relay(logging.getLogger("stage"))
        for chunk in (b"\rtrain:  50%|#", b"\r            ", b"\rINFO epoch 1/2  loss 1\n", b"\rtrain:  50%|#"):
            passing(chunk)
    assert [record.message for record in caplog.records] == ["INFO epoch 1/2  loss 1"]


@pytest.mark.parametrize("level", [logging.INFO, logging.CRITICAL])
def test_output_is_printed_once(capfdbinary, level):
    """Prefect prints its logs in the runs of `sceneparse serve`, and only critical ones in `sceneparse run`."""
    logger = logging.getLogger("parent.stage")
    handler = PrefectConsoleHandler(sys.stderr, level=level)
    logging.getLogger("parent").addHandler(handler)
    try:
        logger.setLevel(logging.INFO)
        Relay(logging.LoggerAdapter(logger))(b"begin\n")
    finally:
        logging.getLogger("parent").removeHandler(handler)
    assert capfdbinary.readouterr().err == b"begin\n"


def test_output_is_logged_where_standard_error_is_closed(caplog, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)  # as Python has it after `2>&-`
    with caplog.at_level(logging.INFO):
        Relay(logging.getLogger("stage"))(b"begin\n")
    assert [record.message for record in caplog.records] == ["begin"]
