"""A project of one quick stage, what a sweep of it prints, and what it leaves."""

import hashlib
import json
import re

# One stage in place of six: its params set its duration, and it saves its state on SIGTERM, as training does.
DVC_YAML = """
stages:
  train:
    cmd: python work.py --dataset data.zip --scores metrics/evaluate.json
    params: [train]
    deps: [work.py]
    outs: [metrics/evaluate.json]
metrics: [metrics/evaluate.json]
"""
WORK = """
import json, pathlib, signal, sys, time
from ruamel.yaml import YAML

train = YAML(typ="safe").load(pathlib.Path("params.yaml"))["train"]
step = pathlib.Path("state/train/step")
step.parent.mkdir(parents=True, exist_ok=True)
done = int(step.read_text()) if step.exists() else 0
print(f"beginning after step {done}")

def save(*_):
    time.sleep(train["clip_norm"])
    step.write_text(str(train["epochs"] - 1))
    sys.exit("stopped")

signal.signal(signal.SIGTERM, save)
for number in range(done, train["epochs"]):
    time.sleep(0.1)
    step.write_text(str(number + 1))
if train["batch_size"] == 13:
    sys.exit("thirteen will not do")
score = train["learning_rate"] * 100
section = {"mean_iou": score, "pixel_accuracy": 1 - score}
others = ("mean_accuracy", "mean_iou_absent_as_zero", "frequency_weighted_iou", "benchmark_score")
section |= dict.fromkeys(others)
pathlib.Path("metrics").mkdir(exist_ok=True)
pathlib.Path("metrics/evaluate.json").write_text(json.dumps({"original": section, "resized": section}))
"""


def of_one_stage(workspace):
    """Put the quick stage in place of the six."""
    (workspace.path / "dvc.yaml").write_text(DVC_YAML)
    (workspace.path / "work.py").write_text(WORK)
    workspace.set_param("train.epochs", 1)
    workspace.commit("one stage")
    return workspace


def lines(output):
    """Return the number, verdict and name of each point in a sweep's output."""
    return [
        (match[1], match[2], match[3])
        for match in re.finditer(r"^(\d+/\d+) +(ran|failed|done before) .* (\S+)$", output, flags=re.MULTILINE)
    ]


def names(workspace):
    """Return Git's experiments, by the last part of their refs."""
    return workspace.run("git", "for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps").split()


def ranking(workspace, *flags):
    """Return the names of the experiments that compare prints, best first."""
    return [row["name"] for row in json.loads(workspace.run("sceneparse", "compare", "--json", *flags))["experiments"]]


def state(workspace):
    """Return the files outside DVC's and our own folders, and Git's state without the refs of experiments."""
    digests = {
        str(path.relative_to(workspace.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in workspace.path.rglob("*")
        if path.is_file() and path.relative_to(workspace.path).parts[0] not in (".git", ".dvc", "state")
    }
    refs = workspace.run("git", "for-each-ref").splitlines()
    git = [path.read_bytes() for path in map(workspace.path.joinpath, (".git/HEAD", ".git/index", ".git/config"))]
    return digests, [ref for ref in refs if not re.search(r"refs/exps/../[0-9a-f]{38}/", ref)], git
