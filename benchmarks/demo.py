"""Demo from a fresh clone: seconds of `dvc repro`, stage by stage, and its scores.

    python -m benchmarks.demo [--small]

Clones the last commit of this repository into a temporary directory and runs the pipeline there,
as `make demo` does after the installation. The goals are 4 minutes on two cores, mIoU 0.60 and pixel
accuracy 0.85 at original size. --small takes few and small scenes and one epoch, to try the benchmark itself.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.clones import make_clone
from pipeline.repro.dvc_commands import stage_environment
from sceneparse.core.parallel import usable_cpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="few and small scenes, one epoch")
    small = parser.parse_args().small
    with tempfile.TemporaryDirectory() as scratch:
        clone = make_clone(Path(scratch), small)
        start = last = time.monotonic()
        stage = "start of dvc"
        repro = subprocess.Popen(
            ["dvc", "repro"], cwd=clone, env=stage_environment(), stdout=subprocess.PIPE, text=True
        )
        for line in repro.stdout or []:
            if begun := re.match(r"Running stage '(\w+)'", line):
                print(f"{stage:>14} {time.monotonic() - last:7.1f} s", flush=True)
                stage, last = begun[1], time.monotonic()
        if repro.wait():
            sys.exit("dvc repro failed")
        print(f"{stage:>14} {time.monotonic() - last:7.1f} s\n{'all':>14} {time.monotonic() - start:7.1f} s")
        scores = json.loads((clone / "metrics/evaluate.json").read_text())["original"]
    cores = usable_cpus()
    print(f"{time.strftime('%Y-%m-%d')}, {cores} cores, params.yaml of the last commit{', small' if small else ''}")
    for name, value in scores.items():
        print(f"  {name:24} {value:.4f}")


if __name__ == "__main__":
    main()
