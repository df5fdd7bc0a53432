"""Training by two workers on one machine: the arithmetic of one, the end of both, the roll call, TF_CONFIG."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from daemons import PATIENCE, free_port, listens
from datasets import write_archive
from train_process import make_inputs

from sceneparse.core.errors import TRY_AGAIN, InputError, TransientError
from stages.train import roll_call
from stages.train.cluster import Cluster, read_cluster
from stages.train.roll_call import call_roll

EPOCHS, STEPS = 2, 13  # thirteen batches an epoch, so that the workers synchronise inside it, at the tenth

# The stage, except that it keeps all variables, the confusion matrix and the loss at the end of each epoch,
# and at one step sends itself a signal.
WATCHED = """
import os, runpy, sys
import numpy as np
from stages.train import training
folder, at, number = sys.argv.pop(1), int(sys.argv.pop(1)), int(sys.argv.pop(1))

class Watched(training.Trainer):
    def step(self, batch, **how):
        update = super().step(batch, **how)
        if self.optimizer.iterations.numpy() == at:
            os.kill(os.getpid(), number)
        return update

    def validate(self, batches):
        confusion, loss = super().validate(batches)
        variables = map(np.asarray, (*self.model.variables, *self.optimizer.variables))
        np.savez(f"{folder}/epoch-{self.optimizer.iterations.numpy()}.npz", *variables, confusion=confusion, loss=loss)
        return confusion, loss

training.Trainer = Watched
runpy.run_module("stages.train", run_name="__main__", alter_sys=True)  # as python -m does
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Params, records and an empty backbone. Plain SGD: AdamW blows differences in the last bit up to whole steps."""
    directory = tmp_path_factory.mktemp("inputs")
    write_archive(directory / "dataset.zip", training=4 * STEPS + 2, validation=5)
    train = {"epochs": EPOCHS, "batch_size": 4, "warmup_steps": 2, "optimizer": "sgd", "learning_rate": 0.02}
    train |= {"decision": "iou", "augment.first_crop": 32, "augment.crop": 96}  # 64 pixels, then 96
    changes = {"prepare.size": 32, "model.width": 1 / 32, "model.dropout": 0.5}
    return make_inputs(directory, changes | {f"train.{name}": value for name, value in train.items()})


def start(inputs, out, *, addresses=(), index=0, at=0, number=0, params=None):
    """The stage in a process of its own, writing into `out`."""
    out.mkdir(exist_ok=True)
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    paths = {"records": inputs, "model.keras": out, "card": out, "curves": out, "state": out}
    flags = [f"--{name.partition('.')[0]}={folder / name}" for name, folder in paths.items()]
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            WATCHED,
            out,
            str(at),
            str(number),
            f"--params={params or inputs / 'params.yaml'}",
            *flags,
        ],
        env={**os.environ, "TF_CONFIG": json.dumps(config) if addresses else ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes, expect=0):
    """Return the output of each process, once all have ended as expected."""
    try:
        said = [process.communicate(timeout=PATIENCE)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    for process, output in zip(processes, said, strict=True):
        assert process.returncode == expect, output[-3000:]
    return said


def start_two(inputs, folder, *, at=0, number=0, other_params=None):
    """The chief and another worker, which sends itself the signal `number` at step `at`."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    chief = start(inputs, folder / "chief", addresses=addresses)
    return chief, start(
        inputs, folder / "other", addresses=addresses, index=1, at=at, number=number, params=other_params
    )


@pytest.fixture(scope="module")
def single(inputs, tmp_path_factory):
    """Train with one process; return the folder of its outputs."""
    out = tmp_path_factory.mktemp("single")
    finish(start(inputs, out))
    return out


@pytest.fixture(scope="module")
def interrupted(inputs, tmp_path_factory):
    """Train with two workers: one is killed in the second epoch, and run again they come to the end."""
    folder, said = tmp_path_factory.mktemp("two"), {}
    chief, other = start_two(inputs, folder, at=STEPS + 2, number=signal.SIGKILL)
    with ThreadPoolExecutor(1) as pool:
        left = pool.submit(finish, chief, expect=TRY_AGAIN)
        finish(other, expect=-signal.SIGKILL)
        said["left"] = left.result()[0]
    said["finished"] = finish(*start_two(inputs, folder))
    return folder, said


@pytest.mark.exhaustive
def test_one_that_is_told_to_stop_stops_both_at_the_same_step(inputs, tmp_path):
    for said in finish(*start_two(inputs, tmp_path, at=9, number=signal.SIGTERM), expect=1):
        assert "stopped at step 10 of 26 with its state saved: run again to resume" in said
    chief, _ = finish(*start_two(inputs, tmp_path))
    assert "resuming at step 10" in chief


@pytest.mark.slow
def test_a_killed_worker_ends_the_other_soon_and_clearly(interrupted):
    said = interrupted[1]
    assert "error: another worker has gone" in said["left"]
    assert "Traceback" not in said["left"]


@pytest.mark.slow
def test_run_again_they_end_as_one_process_does(single, interrupted):
    """Both workers agree to the last bit, and with the single process to 2e-6 in every variable; 3e-7 was measured."""
    folder, said = interrupted
    assert "resuming at step 13" in said["finished"][0]
    for step in (STEPS, 2 * STEPS):
        alone, chief, other = (
            dict(np.load(out / f"epoch-{step}.npz")) for out in (single, folder / "chief", folder / "other")
        )
        assert len(alone) > 60
        for name, value in alone.items():
            assert np.array_equal(chief[name], other[name]), name
            if name != "confusion":
                np.testing.assert_allclose(chief[name], value, rtol=0, atol=2e-6, err_msg=name)
        assert np.array_equal(chief["confusion"], alone["confusion"])


@pytest.mark.slow
def test_the_chief_alone_writes(single, interrupted):
    folder, said = interrupted
    assert {path.name for path in (folder / "other").iterdir()} == {"epoch-13.npz", "epoch-26.npz"}
    assert {path.name for path in (folder / "chief").iterdir()} == {path.name for path in single.iterdir()}
    curve = "curves/plots/metrics/validation/mean_iou.tsv"
    rows = [np.loadtxt(out / curve, skiprows=1) for out in (single, folder / "chief")]
    np.testing.assert_allclose(*rows, atol=1e-6)
    assert "INFO resuming" in said["finished"][0]
    assert "INFO resuming" not in said["finished"][1]
    assert "%|" not in said["finished"][1]  # a progress bar
    assert not list((folder / "chief/state/checkpoints").glob("*/step-*"))


@pytest.mark.exhaustive
def test_the_stage_asks_for_the_same_params(inputs, tmp_path):
    other = tmp_path / "params.yaml"
    other.write_text((inputs / "params.yaml").read_text().replace("learning_rate: 0.02", "learning_rate: 0.03"))
    for said in finish(*start_two(inputs, tmp_path, other_params=other), expect=1):
        assert re.search(r"workers disagree about what to train(.|\n)*127\.0\.0\.1:\d+", said)


def test_workers_with_other_params_refuse_each_other():
    addresses = tuple(f"127.0.0.1:{free_port()}" for _ in range(2))
    with ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(call_roll, Cluster(addresses, index), key * 16) for index, key in enumerate("ab")]
        for worker in workers:
            with pytest.raises(InputError, match=r"workers disagree about what to train(.|\n)*127\.0\.0\.1:\d+"):
                worker.result(timeout=PATIENCE)


@pytest.mark.parametrize("index", [0, 1])
def test_a_worker_that_never_comes_is_named(monkeypatch, index):
    monkeypatch.setattr(roll_call, "WAIT_SECONDS", 0.3)
    missing = f"127.0.0.1:{free_port()}"
    addresses = [f"127.0.0.1:{free_port()}", missing][:: 1 - 2 * index]
    with pytest.raises(TransientError, match=rf"not all workers have arrived(.|\n)*{missing}"):
        call_roll(Cluster(tuple(addresses), index), "a" * 16)


def test_the_roll_call_outlasts_strangers_and_deserters(monkeypatch):
    """A port scanner, a worker that dies while it waits, and then the real ones."""
    monkeypatch.setattr(roll_call, "WAIT_SECONDS", PATIENCE)
    addresses = tuple(f"127.0.0.1:{free_port()}" for _ in range(3))
    port = int(addresses[0].rpartition(":")[2])
    with ThreadPoolExecutor(3) as pool:
        workers = [pool.submit(call_roll, Cluster(addresses, 0), "a" * 16)]
        while not listens(port):  # which makes a silent stranger of the test
            time.sleep(0.02)
        for message in (b"GET / HTTP/1.0\r\n\r\n", b'{"index": 7}\n', b'{"index": 2, "fingerprint": "dead"}\n'):
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(message)
        workers += [pool.submit(call_roll, Cluster(addresses, index), "a" * 16) for index in (1, 2)]
        assert [worker.result(timeout=PATIENCE) for worker in workers] == [None] * 3


def test_a_cluster_in_either_form():
    workers = ["a:1", "b:2"]
    assert read_cluster({}) == read_cluster({"TF_CONFIG": ""}) == read_cluster({"TF_CONFIG": "{}"}) == Cluster()
    plain = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": 1}})
    assert read_cluster({"TF_CONFIG": plain}) == Cluster(("a:1", "b:2"), 1)
    named = json.dumps({"cluster": {"chief": ["c:3"], "worker": workers}, "task": {"type": "worker", "index": 1}})
    assert read_cluster({"TF_CONFIG": named}) == Cluster(("c:3", "a:1", "b:2"), 2)
    assert not read_cluster({"TF_CONFIG": named}).chief


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("worker 0 of 2", "Invalid JSON"),
        ('{"cluster": {"worker": ["a:1"]}}', "task: Field required"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "cluster.worker.0"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "a task that is not in"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "a task that is not in"),
        ('{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}', "named twice"),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}', "cluster.ps"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(config, reason):
    with pytest.raises(InputError, match=rf"TF_CONFIG does not describe a cluster(.|\n)*{reason}"):
        read_cluster({"TF_CONFIG": config})
