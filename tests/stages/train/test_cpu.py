"""Memory of a step on a CPU."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
sys.path.insert(0, "tests/support")
from stages.train import cpu
if sys.argv[1] == "not kept":
    cpu.MMAP_LIMIT = 1 << 60
from sceneparse.params.whole import Params
from trainers import make_trainer, scenes
trainer = make_trainer(Params(), width=0.3, model={"head_channels": 4096})  # fc6's kernel has 37 MB
for step in range(6):
    if step == 3:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    trainer.step(scenes()).loss.numpy()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps freed blocks in its own way")
def test_large_blocks_are_kept_from_step_to_step(root):
    """The system counts the pages that it clears for three steps."""
    pages = {}
    for way in ("kept", "not kept"):
        command = [sys.executable, "-c", FAULTS, way]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        pages[way] = int(done.stdout)
    assert pages["kept"] < pages["not kept"] / 4
