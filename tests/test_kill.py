"""Killed at random moments, again and again, a training ends with the bytes of one that was left alone."""

import os
import random
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from ruamel.yaml import YAML

from stages.data.demo import write_demo
from stages.params import load_params
from stages.prepare import prepare
from stages.weights import weights

KILLS = 24
# Imports once, then forks a training for every line that it reads: a start of Python would take ten times as long.
HOST = """
import os, sys
import dvclive, tensorflow
import stages.model.loop, stages.model.saving
from stages.train import main
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        sys.argv = ["train", *line.split()]
        sys.stdin.close()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        main()
        os._exit(0)
    print("pid", pid, flush=True)
    print("status", os.waitpid(pid, 0)[1], flush=True)
"""


class Host:
    """A process that runs trainings, one at a time."""

    def __init__(self, inputs):
        self._inputs = inputs
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOST],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        os.set_blocking(self._process.stderr.fileno(), False)

    def train(self, out, kill_after=None):
        """Run a training; returns what it ended with (0, or minus the signal) and the seconds that it took."""
        folders = {"model": "model.keras", "card": "model.json", "curves": "curves", "state": "state"}
        flags = [f"--{flag}={out / name}" for flag, name in folders.items()]
        given = {"params": "params.yaml", "records": "records", "start-from": "backbone"}
        flags += [f"--{flag}={self._inputs / name}" for flag, name in given.items()]
        self._process.stdin.write(" ".join(flags) + "\n")
        self._process.stdin.flush()
        pid = int(self._said("pid"))
        began = time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):  # it has come to its end
                os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(int(self._said("status")))
        return status, time.monotonic() - began

    def close(self):
        self._process.communicate(timeout=20)

    def _said(self, word):
        ready, _, _ = select.select([self._process.stdout], [], [], 120)
        line = self._process.stdout.readline() if ready else ""
        assert line.startswith(word), (line, self._process.stderr.read())
        return line.split()[1]


def outputs(out):
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.is_relative_to(out / "state")
    }


@pytest.fixture
def inputs(tmp_path, root):
    """Everything that a training state can hold is on: averages, statistics of the batches, dropout."""
    yaml = YAML()
    params = yaml.load(root / "presets/demo.yaml")
    params["prepare"]["size"] = 32
    params["model"] |= {"width": 1 / 64, "dropout": 0.3, "normalization": "batch"}
    params["train"] |= {"epochs": 12, "batch_size": 2, "warmup_steps": 2, "ema": 0.9}
    yaml.dump(params, tmp_path / "params.yaml")
    write_demo(tmp_path / "dataset.zip", training=10, validation=3, seed=0)
    loaded = load_params(tmp_path / "params.yaml")
    prepare(loaded, tmp_path / "dataset.zip", tmp_path / "records")
    weights(loaded, tmp_path / "cache", tmp_path / "backbone")
    return tmp_path


def test_killed_at_random_moments_it_ends_with_the_same_bytes(inputs, tmp_path):
    """Curves, best epoch, model and card: all bytes of all outputs, each time that a training comes to its end."""
    host, moments = Host(inputs), random.Random(0)  # noqa: S311
    try:
        status, whole = host.train(tmp_path / "alone")
        assert status == 0
        expected = outputs(tmp_path / "alone")
        assert expected.keys() >= {"model.keras", "model.json", "curves/gradient_flow.csv"}
        kills = ends = 0
        while kills < KILLS:
            out = tmp_path / f"killed-{ends}"
            while (status := host.train(out, kill_after=moments.uniform(0, whole))[0]) == -signal.SIGKILL:
                kills += 1
                if kills >= KILLS:
                    status, _ = host.train(out)
                    break
            assert status == 0
            assert outputs(out) == expected
            ends += 1
    finally:
        host.close()
