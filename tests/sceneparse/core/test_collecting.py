"""Garbage collection: off while libraries load, and over for their objects in a process of our own alone."""

import gc
import subprocess
import sys

import pytest

from sceneparse.core import collecting
from sceneparse.core.collecting import uncollected

SCRIPT = """
import gc
from sceneparse.core.collecting import own_process, uncollected

class Cycle:
    def __init__(self):
        self.itself = self

    def __del__(self, say=print):
        say("collected")

{}
with uncollected():
    Cycle()
print(gc.isenabled(), gc.get_freeze_count() > 0)
"""


def test_a_caller_keeps_the_setting_that_it_has(monkeypatch):
    monkeypatch.setattr(collecting, "_is_ours", [])  # another test may have run a command here
    frozen = gc.get_freeze_count()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize(("ours", "said"), [("own_process()", ["True True"]), ("", ["True False", "collected"])])
def test_only_a_process_of_our_own_leaves_out_the_last_collection(ours, said):
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(ours)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == said
