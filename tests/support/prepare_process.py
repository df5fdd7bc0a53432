"""The prepare stage in a process of its own, by hand or through DVC, to be stopped, killed and met by a second one."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
from daemons import PATIENCE
from datasets import demo_params, write_archive
from workspace import ROOT

from sceneparse.records.manifest import open_records

ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
    "DVC_NO_ANALYTICS": "1",
}


class Prepare:
    """The stage in the folder `place`: its dataset, its params, its output `records` and its `log`."""

    def __init__(self, place: Path, *, size: int, pairs: int = 300) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.place, self.records, self.log = place, place / "records", place / "log"
        write_archive(place / "dataset.zip", training=pairs, validation=2)
        params = demo_params(prepare={"size": size, "shard_images": 16})
        (place / "params.yaml").write_text(json.dumps(params.model_dump()))  # JSON is YAML

    @property
    def command(self) -> list[str]:
        """Return the words that run the stage in its folder."""
        return ["python", "-m", "stages.prepare", "--dataset", "dataset.zip", "--records", "records"]

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start the stage, or another command, as a shell starts a job; its output goes to `log`."""
        with self.log.open("wb") as log:
            return subprocess.Popen(
                command or self.command,
                cwd=self.place,
                env=ENVIRONMENT | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def make_repository(self, end: str = "") -> None:
        """Make the folder a DVC repository whose one stage is this one; `end` comes last in its command."""
        command = " ".join(self.command) + end
        stage = {"cmd": command, "deps": ["dataset.zip"], "params": ["prepare"], "outs": ["records"]}
        (self.place / "dvc.yaml").write_text(json.dumps({"stages": {"prepare": stage}}))
        (self.place / ".dvc").mkdir()
        (self.place / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")

    def dvc_repro(self) -> subprocess.Popen[bytes]:
        """Start `dvc repro`."""
        return self.start("dvc", "repro", DVC_SITE_CACHE_DIR=str(self.place / "site-cache"))

    def wait_for_shard(self, process: subprocess.Popen[bytes] | psutil.Process) -> list[psutil.Process]:
        """Return all descendants of a process once the workers' first records are on the disk."""
        process, deadline = psutil.Process(process.pid), time.monotonic() + PATIENCE
        while not list(self.place.glob(".records.partial/*.tfrecord")):
            assert runs(process), self.log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return process.children(recursive=True)

    def is_whole(self) -> bool:
        """Check that the output is complete and that nothing but known files is beside it."""
        open_records(self.records)
        return self.left_over() == []

    def left_over(self) -> list[str]:
        """Return the names of what a writer has left beside the output."""
        return sorted(path.name for path in self.place.glob(".records*"))


def runs(process: psutil.Process) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for_end(family: list[psutil.Process], seconds: float = PATIENCE, *, kill: bool = True) -> list[psutil.Process]:
    """Wait until none of the processes runs, for so many seconds at most; return those that still do, killed."""
    deadline = time.monotonic() + seconds
    while (left := [process for process in family if runs(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    for process in left if kill else ():
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return left
