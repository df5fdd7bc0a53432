"""One run at a time in a workspace, started by hand, by a schedule, or as plain `dvc repro`."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal, TypeVar

from prefect import get_run_logger

from pipeline.repro.project import Project
from sceneparse.core.errors import BusyError
from sceneparse.core.terminal import print_text

Overlap = Literal["wait", "refuse"]
POLL_SECONDS = 1.0
Result = TypeVar("Result")


def when_free(overlap: Overlap, action: Callable[[], Result]) -> Result:
    """Return an action's result. When it raises BusyError, wait and try again, or with `overlap` "refuse" raise it."""
    waited = False
    while True:
        try:
            return action()
        except BusyError as error:
            if overlap == "refuse":
                raise
            if not waited:
                get_run_logger().info("waiting: %s", error)
                print_text(f"waiting for another run in this workspace: {error.got}")
            waited = True
        time.sleep(POLL_SECONDS)


@contextmanager
def one_at_a_time(project: Project, overlap: Overlap) -> Iterator[None]:
    """Hold the workspace during the block, once no other run has it. Raises BusyError with `overlap` "refuse"."""

    def hold() -> ExitStack:
        with ExitStack() as held:
            held.enter_context(project.held())
            return held.pop_all()

    with when_free(overlap, hold):
        yield
