"""A stage of the mirror project: `python stage.py NAME --deps A B --outs X Y`. Only the standard library, for speed.

Each output is a function of the data read and of the stage's own line in params.yaml, as in the real stages. That
line may also ask for trouble: {value: 1, trouble: fail}.
"""

import argparse
import hashlib
import json
import re
import signal
import sys
import time
from pathlib import Path

SCORES = (
    *("pixel_accuracy", "mean_accuracy", "mean_iou", "mean_iou_absent_as_zero"),
    *("frequency_weighted_iou", "benchmark_score"),
)

parser = argparse.ArgumentParser()
parser.add_argument("name")
parser.add_argument("--deps", nargs="*", type=Path, default=[])
parser.add_argument("--outs", nargs="*", type=Path, default=[])
flags, _ = parser.parse_known_args()  # the others are those of the real stage

lines = dict(line.split(":", 1) for line in Path("params.yaml").read_text().splitlines())
own = lines[flags.name]
(value,) = re.findall(r"value: (\d+)", own)
trouble = next(iter(re.findall(r"trouble: (\w+)", own)), None)
Path("state").mkdir(exist_ok=True)
print(f"{flags.name} says: value {value}", flush=True)

if trouble in ("fail", "network"):
    tries = Path("state/tries")
    with tries.open("a") as file:
        file.write("x")
if trouble == "fail":
    print("error: the input is bad", file=sys.stderr)
    sys.exit(1)
if trouble == "full":
    print("error: the disk is full", file=sys.stderr)
    sys.exit(75)
if trouble == "network" and len(tries.read_text()) <= 2:
    print("error: the network is away", file=sys.stderr)
    sys.exit(75)
if trouble in ("hang", "stubborn"):
    if trouble == "stubborn":
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    for tick in range(100000):
        print(f"\r{flags.name}: tick {tick}", end="", file=sys.stderr, flush=True)
        Path("state/alive").write_text(str(tick))
        time.sleep(0.1)

digest = hashlib.sha256(f"{flags.name} {value}".encode())
for dep in flags.deps:
    for path in [dep] if dep.is_file() else sorted(path for path in dep.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
for path in flags.outs:
    content = f"{path} {digest.hexdigest()}\n"
    out = path if path.suffix else path / "index.html"
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.name == "evaluate.json":
        score = dict.fromkeys(SCORES, int(digest.hexdigest()[:8], 16) / 2**32)
        score |= {"mean_iou": int(value) / 100, "pixel_accuracy": 0.9}
        content = json.dumps({"original": score, "resized": score})
    if out.suffix == ".csv":
        content = f"name,iou\nsky,0.5\n{content.strip()},\n"
    out.write_text(content)
