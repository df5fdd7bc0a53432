"""One run at a time in a workspace, started by hand, by a schedule, or as plain `dvc repro`."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

from prefect import get_run_logger

from pipeline.repro.project import Project
from sceneparse.core.errors import BusyError

Overlap = Literal["wait", "refuse"]
POLL_SECONDS = 1.0


@contextmanager
def one_at_a_time(project: Project, overlap: Overlap) -> Iterator[None]:
    """Hold the workspace. While another run has it, wait, or with `overlap` "refuse" raise BusyError."""
    waited = False
    while True:
        with ExitStack() as held:
            try:
                held.enter_context(project.held())
            except BusyError as error:
                if overlap == "refuse":
                    raise
                if not waited:
                    get_run_logger().info("waiting: %s", error)
                    print("waiting for another run in this workspace", flush=True)
                waited = True
            else:
                yield
                return
        time.sleep(POLL_SECONDS)
