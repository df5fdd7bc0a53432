"""Cost of the Prefect flow: `python -m benchmarks.flow`.

Measured in a fresh clone whose stages have run once (with few and small scenes), against a Prefect server of its own:
`dvc repro` and `sceneparse run` with nothing to do, in turns; a Prefect flow of empty tasks; the time to compute a
task's key; the peak memory of the flow's process, with nothing to do and while a stage runs.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.clones import make_clone
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


def measured(command: list[str], cwd: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Return wall-clock seconds, and the process's own largest resident memory in MB, sampled 20 times a second."""
    began, peak = time.perf_counter(), 0
    output = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=output) as process:
        own = psutil.Process(process.pid)
        while process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                peak = max(peak, own.memory_info().rss)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return seconds, peak / 2**20


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
    print(f"{datetime.now(UTC):%Y-%m-%d}, {usable_cpus()} cores, {rounds} rounds, medians")
    flow, repro = ["sceneparse", "run"], ["dvc", "repro"]
    _, working = measured(flow, clone, environment)
    pairs = [(measured(repro, clone, environment)[0], measured(flow, clone, environment)) for _ in range(rounds)]
    plain, wrapped = (statistics.median(times) for times in ([a for a, _ in pairs], [b[0] for _, b in pairs]))
    ratio = statistics.median(b[0] / a for a, b in pairs)
    print(f"nothing to do: dvc repro {plain:.2f} s, sceneparse run {wrapped:.2f} s, ratio {ratio:.2f}")
    alone = statistics.median(measured([sys.executable, "-c", EMPTY], clone, environment)[0] for _ in range(rounds))
    print(f"a Prefect flow of six tasks that do nothing: {alone:.2f} s, {alone / plain:.2f} x dvc repro")
    print(f"memory of the flow's process: {max(b[1] for _, b in pairs):.0f} MB idle, {working:.0f} MB while stages ran")

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
