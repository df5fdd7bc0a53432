"""What a killed run could not say itself: that it is no longer running.

The id of the run that goes on is noted in the workspace. A run that finds the note of another one, while it holds
the workspace, knows that the other was killed, and tells Prefect.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Crashed

from sceneparse.core.files import write_text

NOTE = Path("state/flow/running")


@contextmanager
def noted(root: Path) -> Iterator[None]:
    """Note this flow run while the block goes on; first report an earlier one whose note is still there."""
    note = root / NOTE
    if note.exists():
        _report_killed(UUID(note.read_text()))
    write_text(note, str(flow_run.id))
    try:
        yield
    finally:
        note.unlink()


def _report_killed(run: UUID) -> None:
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(run).state
        except ObjectNotFound:  # it reported to another server
            return
        if state and not state.is_final():
            client.set_flow_run_state(run, Crashed(message="its process was killed"), force=True)
