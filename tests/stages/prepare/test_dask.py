"""Prepare on a Dask cluster, played by processes on loopback."""

import json
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from daemons import PATIENCE, daemon, free_port
from datasets import demo_params, write_archive

from sceneparse.core.errors import InputError, TransientError
from stages.prepare import encode, executor
from stages.prepare.stage import prepare

SMALL = demo_params(prepare={"size": 32, "shard_images": 16})


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


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
        with pytest.raises(TransientError, match="cluster has failed"):  # noqa: PT012, SIM117 - raised on leaving the inner block
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
