"""Other machines, played by processes on loopback: prepare on a Dask cluster, training by two workers."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from daemons import PATIENCE, daemon, free_port, listens
from datasets import demo_params, write_archive
from ruamel.yaml import YAML

from sceneparse.core.errors import TRY_AGAIN, InputError, TransientError
from sceneparse.params.whole import Params, load_params
from stages.prepare import encode, executor
from stages.prepare.stage import prepare
from stages.train import roll_call
from stages.train.cluster import Cluster, read_cluster
from stages.train.roll_call import call_roll
from stages.weights.stage import weights

EPOCHS, STEPS = 2, 13  # thirteen batches an epoch, so that the workers synchronise inside it, at the tenth
SMALL = demo_params(prepare={"size": 32, "shard_images": 16})


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- prepare on a Dask cluster


class DaskCluster:
    """A scheduler and workers of one thread each, as processes that run in `folder`."""

    def __init__(self, folder, stack):
        self.folder, self.stack, self.workers = folder, stack, []
        note = folder / "scheduler.json"
        options = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", note)
        self.scheduler = self._start(
            "scheduler", *options, ready=lambda: note.exists() and note.read_text()[-1:] == "}"
        )
        self.address = json.loads(note.read_text())["address"]

    def add_worker(self, **environment):
        log = self.folder / "worker.log"
        before = log.read_text().count("Registered to") if log.exists() else 0
        options = (self.address, "--nthreads", "1", "--no-nanny", "--local-directory", self.folder)
        worker = self._start(
            "worker", *options, ready=lambda: log.read_text().count("Registered to") > before, **environment
        )
        self.workers.append(worker)
        return worker

    def end(self, worker):
        """Kill a worker, and wait until the scheduler no longer lists it."""
        from distributed import Client

        worker.kill()
        worker.wait()
        left, deadline = sum(other.poll() is None for other in self.workers), time.monotonic() + PATIENCE
        with Client(self.address, set_as_default=False) as client:
            while len(client.scheduler_info(n_workers=-1)["workers"]) > left:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def _start(self, kind, *options, ready, **environment):
        command = [sys.executable, "-m", "dask", kind, *options, "--dashboard-address", ":0", "--no-dashboard"]
        started = daemon(command, self.folder / f"{kind}.log", ready, {**os.environ, **environment})
        return self.stack.enter_context(started)

    def ask(self, question):
        """Return each worker's answer."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            return list(client.run(question).values())


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    with ExitStack() as stack:
        started = DaskCluster(tmp_path_factory.mktemp("dask"), stack)
        started.add_worker()
        started.add_worker()
        yield started


@pytest.fixture
def on_dask(dask, monkeypatch):
    monkeypatch.setenv(executor.VARIABLE, dask.address)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("dataset") / "dataset.zip"
    write_archive(path, training=70, validation=5)
    return path


def workers_at_work():
    """Return a question to a worker, pickled by value: its process id, and whether it has opened an archive."""

    def question():
        from stages.prepare.encode import _open_archive

        return os.getpid(), _open_archive.cache_info().currsize == 1

    return question


@pytest.mark.slow
def test_a_dask_cluster_makes_the_same_bytes(dask, dataset, tmp_path, monkeypatch):
    prepare(SMALL, dataset, tmp_path / "here")
    monkeypatch.setenv(executor.VARIABLE, dask.address)
    monkeypatch.chdir(dataset.parent)
    prepare(SMALL, Path(dataset.name), tmp_path / "there")
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert {(worker.pid, True) for worker in dask.workers[:2]} <= set(dask.ask(workers_at_work()))


@pytest.mark.slow
def test_workers_notice_another_dataset_in_the_same_place(on_dask, dataset, tmp_path, monkeypatch):
    path = tmp_path / "dataset.zip"
    write_archive(path, training=20, validation=2, seed=1)
    prepare(SMALL, path, tmp_path / "first")
    path.write_bytes(dataset.read_bytes())
    prepare(SMALL, path, tmp_path / "there")
    monkeypatch.delenv(executor.VARIABLE)
    prepare(SMALL, dataset, tmp_path / "here")
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


@pytest.mark.slow
def test_bad_pairs_are_named_from_afar(on_dask, tmp_path):
    path = tmp_path / "dataset.zip"
    write_archive(path, training=3, validation=1, changes={"images/training/training_0002.jpg": lambda _: b""})
    with pytest.raises(InputError, match=r"1 of 4 pairs(.|\n)*training_0002: image: not a picture"):
        prepare(SMALL, path, tmp_path / "records")


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs a path that differs between processes")
@pytest.mark.slow
def test_a_worker_that_does_not_see_the_dataset_is_named(on_dask, dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(dataset.parent)
    with pytest.raises(InputError, match="would make the same records") as refused:
        prepare(SMALL, Path("/proc/self/cwd") / dataset.name, tmp_path / "records")
    assert re.fullmatch(r"(\ntcp://.*No such file.*){2}", refused.value.got)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_worker_that_lacks_our_code_is_named(dask, on_dask, dataset, tmp_path):
    shadow = tmp_path / "shadow"
    (shadow / "stages").mkdir(parents=True)
    (shadow / "stages/__init__.py").write_text("raise ModuleNotFoundError('No module named stages')")
    worker = dask.add_worker(PYTHONPATH=str(shadow))
    try:
        with pytest.raises(InputError) as refused:
            prepare(SMALL, dataset, tmp_path / "records")
        assert re.fullmatch(r"\ntcp://.*: No module named stages", refused.value.got)
    finally:
        dask.end(worker)


@pytest.mark.slow
def test_other_versions_on_a_worker_are_logged(dask, on_dask, dataset, tmp_path, caplog):
    information = tmp_path / "shadow/pandas-0.1.dist-info/METADATA"
    information.parent.mkdir(parents=True)
    information.write_text("Metadata-Version: 2.1\nName: pandas\nVersion: 0.1\n")
    worker = dask.add_worker(PYTHONPATH=str(tmp_path / "shadow"))
    try:
        prepare(SMALL, dataset, tmp_path / "records")
    finally:
        dask.end(worker)
    assert re.search(r"Dask: Mismatched versions found(.|\n)*pandas .*0\.1", caplog.text)


@pytest.mark.slow
def test_a_worker_that_comes_late_must_be_fit_too(on_dask, dataset):
    """Such a worker missed the check at the start, so each task checks."""
    with (
        pytest.raises(InputError, match=r"another dataset, code or library versions \(process"),
        executor.open_executor(dataset) as (pool, _),
    ):
        pool.submit(encode.encode_pairs, encode.Work(dataset, "another", (), SMALL.prepare)).result(timeout=PATIENCE)


@pytest.mark.slow
def test_a_killed_worker_costs_nothing(dask, on_dask, dataset, tmp_path, monkeypatch):
    from distributed import Client

    path = tmp_path / "dataset.zip"
    write_archive(path, training=256, validation=2, sides=(200, 260))
    monkeypatch.delenv(executor.VARIABLE)
    prepare(SMALL, path, tmp_path / "here")
    monkeypatch.setenv(executor.VARIABLE, dask.address)
    doomed, question = dask.add_worker(), workers_at_work()
    with ThreadPoolExecutor(1) as pool, Client(dask.address, set_as_default=False) as client:
        running = pool.submit(prepare, SMALL, path, tmp_path / "there")
        while (doomed.pid, True) not in client.run(question).values():
            assert not running.done()
        doomed.kill()
        running.result(timeout=PATIENCE)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


@pytest.mark.parametrize(
    ("address", "reason"),
    [("tcp://127.0.0.1:{port}", "Timed out"), ("127.0.0.1", "missing port"), ("gopher://host:1", "unknown address")],
)
def test_an_unreachable_scheduler_is_an_error(dataset, tmp_path, monkeypatch, address, reason):
    monkeypatch.setattr(executor, "CONNECT_SECONDS", 0.3)
    monkeypatch.setenv(executor.VARIABLE, address.format(port=free_port()))
    with pytest.raises(TransientError, match=rf"cannot reach the Dask scheduler(.|\n)*{reason}"):
        prepare(SMALL, dataset, tmp_path / "records")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_cluster_without_workers_and_a_scheduler_that_dies_are_errors(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(executor, "CONNECT_SECONDS", 6)
    with ExitStack() as stack:
        lonely = DaskCluster(tmp_path, stack)
        monkeypatch.setenv(executor.VARIABLE, lonely.address)
        with pytest.raises(TransientError, match="has no workers"):
            prepare(SMALL, dataset, tmp_path / "records")
        lonely.add_worker()
        with pytest.raises(TransientError, match="cluster has failed"):  # noqa: PT012, SIM117
            with executor.open_executor(dataset) as (pool, at_once):
                assert at_once == 1
                waiting = pool.submit(time.sleep, 60)
                lonely.scheduler.kill()
                waiting.result(timeout=PATIENCE)


def test_dask_is_an_extra(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv(executor.VARIABLE, "tcp://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"Dask is not installed(.|\n)*pip install -c constraints.txt -e '\.\[dask\]'"):
        prepare(SMALL, dataset, tmp_path / "records")


# --- training by two workers

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
    yaml = YAML()
    params = Params().model_dump()
    params["prepare"]["size"] = 32
    params["model"] |= {"width": 1 / 32, "dropout": 0.5}
    params["train"] |= {
        "epochs": EPOCHS,
        "batch_size": 4,
        "warmup_steps": 2,
        "optimizer": "sgd",
        "learning_rate": 0.02,
        "decision": "iou",
    }
    params["train"]["augment"] |= {"first_crop": 32, "crop": 96}  # 64 pixels, then 96
    params["train"]["start_from"] = str(directory / "backbone")
    yaml.dump(params, directory / "params.yaml")
    write_archive(directory / "dataset.zip", training=4 * STEPS + 2, validation=5)
    loaded = load_params(directory / "params.yaml")
    prepare(loaded, directory / "dataset.zip", directory / "records")
    weights(loaded, directory / "cache", directory / "backbone")
    return directory


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
    """Train with two workers: one is stopped in the first epoch, killed in the second, and then runs to the end."""
    folder, said = tmp_path_factory.mktemp("two"), {}
    said["stopped"] = finish(*start_two(inputs, folder, at=9, number=signal.SIGTERM), expect=1)
    chief, other = start_two(inputs, folder, at=STEPS + 2, number=signal.SIGKILL)
    with ThreadPoolExecutor(1) as pool:
        left = pool.submit(finish, chief, expect=TRY_AGAIN)
        finish(other, expect=-signal.SIGKILL)
        said["left"] = left.result()[0]
    said["finished"] = finish(*start_two(inputs, folder))
    return folder, said


@pytest.mark.slow
def test_one_that_is_told_to_stop_stops_both_at_the_same_step(interrupted):
    for said in interrupted[1]["stopped"]:
        assert "stopped at step 10 of 26 with its state saved: run again to resume" in said


@pytest.mark.slow
def test_a_killed_worker_ends_the_other_soon_and_clearly(interrupted):
    said = interrupted[1]
    assert "resuming at step 10" in said["left"]
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
    assert not list((folder / "chief/state/checkpoints").iterdir())


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
