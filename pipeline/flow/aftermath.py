"""Report of killed runs to Prefect: a killed process cannot report its own end.

Each run keeps a note with its id in the workspace. A run that holds the workspace and finds the note of another run
knows that the other was killed, and reports it as crashed.
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
    """Keep a note of this flow run during the block; first report an earlier run whose note is still there."""
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
        except ObjectNotFound:  # the run reported to another server
            return
        if state and not state.is_final():
            client.set_flow_run_state(run, Crashed(message="its process was killed"), force=True)
