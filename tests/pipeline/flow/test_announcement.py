"""Announcement of `sceneparse serve`: its interval in words, and a command to start a run."""

import pytest

from pipeline.flow.serve import every, request
from pipeline.flow.server import PrefectApi


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "every 0.5 seconds"),
        (1, "every second"),
        (45.0, "every 45 seconds"),
        (60, "every minute"),
        (90, "every 90 seconds"),
        (120.0, "every 2 minutes"),
        (3600, "every hour"),
        (5400, "every 90 minutes"),
        (86400, "every day"),
        (604800, "every 7 days"),
    ],
)
def test_intervals(seconds, text):
    assert every(seconds) == text


def test_the_command_for_a_run_is_safe_in_a_shell():
    api = PrefectApi("http://127.0.0.1:4200/api", None)
    expected = "PREFECT_API_URL=http://127.0.0.1:4200/api prefect deployment run 'sceneparse/my $(night)'"
    assert request(api, "my $(night)") == expected
