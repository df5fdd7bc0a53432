"""Cost of the Prefect flow: `python -m benchmarks.flow`.

Measured in a fresh clone whose stages have run once (with few and small scenes). With nothing to do, in turns: `dvc
repro`, a Prefect flow of empty tasks, `sceneparse run` against a running Prefect server, and with a server of its own.
Then: the time to compute a task's key, and the peak memory of the flow's process, with nothing to do and while a stage
runs.
"""

import argparse
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.clones import make_clone
from benchmarks.medians import spread
from pipeline.flow.own_server import free_port, healthy
from pipeline.repro.dvc_commands import stage_environment
from pipeline.repro.process import supervised
from pipeline.repro.project import Project
from sceneparse.core.parallel import usable_cpus

# A Prefect flow of empty tasks, with the settings that make `sceneparse run` faster.
EMPTY = """
import gc, os
gc.disable()
os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
from prefect import flow, task
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

@task
def nothing(stage):
    pass

@flow
def empty(rounds=1):
    for stage in "abcdef":
        nothing(stage)

with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
    empty()
"""


class Measured(NamedTuple):
    """Wall-clock seconds to the first line on standard error and to the end; largest resident memory in MB."""

    first: float
    seconds: float
    megabytes: float


def measured(command: list[str], cwd: Path, environment: dict[str, str]) -> Measured:
    """Run a command; its own memory is sampled 20 times a second."""
    began, first, peak = time.perf_counter(), 0.0, 0
    with subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        own, errors = psutil.Process(process.pid), process.stderr.fileno()
        while process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                peak = max(peak, own.memory_info().rss)
            if not select.select([errors], (), (), 0.05)[0]:
                continue
            if not os.read(errors, 1 << 16):
                process.wait()
            first = first or time.perf_counter() - began
        seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return Measured(first, seconds, peak / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        clone = make_clone(Path(folder), small=True)
        port = free_port()
        url = f"http://127.0.0.1:{port}/api"
        environment = {
            **stage_environment(),
            "DVC_SITE_CACHE_DIR": f"{folder}/site-cache",
            "PREFECT_HOME": f"{folder}/prefect",
            "PREFECT_API_URL": url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        server = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
        with supervised(server, cwd=clone, environment=environment, output=Path(folder) / "server.log"):
            while not healthy(url):
                time.sleep(0.2)
            report(clone, environment, rounds)


def report(clone: Path, environment: dict[str, str], rounds: int) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d}, {usable_cpus()} cores, {rounds} rounds, medians and ranges")
    alone = {**environment, "PREFECT_HOME": f"{environment['PREFECT_HOME']}-own"}
    del alone["PREFECT_API_URL"]
    empty = [sys.executable, "-c", EMPTY]
    commands = {
        "dvc repro": (["dvc", "repro"], environment),
        "a Prefect flow of six tasks that do nothing": (empty, environment),
        "sceneparse run": (["sceneparse", "run"], environment),
        "sceneparse run with a server of its own": (["sceneparse", "run"], alone),
    }
    working = measured(["sceneparse", "run"], clone, environment)
    fresh = measured(["sceneparse", "run"], clone, alone)
    print(f"first run with a server of its own, which makes its database: {fresh.seconds:.2f} s")
    runs: dict[str, list[Measured]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (command, its) in commands.items():
            runs[name].append(measured(command, clone, its))
    print("nothing to do:")
    for name, results in runs.items():
        pairs = zip(results, runs["dvc repro"], strict=True)
        ratio = statistics.median(one.seconds / repro.seconds for one, repro in pairs)
        first = f", first line after {spread([one.first for one in results])}" if name.startswith("sceneparse") else ""
        print(f"  {name}: {spread([one.seconds for one in results])}, {ratio:.2f} x dvc repro{first}")
    idle = max(one.megabytes for one in runs["sceneparse run"])
    print(f"memory of the flow's process: {idle:.0f} MB idle, {working.megabytes:.0f} MB while stages ran")

    os.environ["DVC_SITE_CACHE_DIR"] = environment["DVC_SITE_CACHE_DIR"]
    project = Project(clone)
    names = [stage.name for stage in project.stages()]
    times = []
    for name in names * rounds:
        began = time.perf_counter()
        if not project.current(name):
            raise RuntimeError(f"{name} is not up to date")
        times.append(time.perf_counter() - began)
    print(f"a task's key: {1000 * statistics.median(times):.0f} ms, at most {1000 * max(times):.0f} ms")


if __name__ == "__main__":
    main()
