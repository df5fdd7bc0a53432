"""Warning on standard error when a served schedule starts no runs, with the server's own error.

A registered deployment proves nothing: the server's scheduler must plan its runs, and the runner must start them. A run
that waits for the end of another run is no fault, nor is a pause that the user asked for with --paused.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pipeline.flow.own_server import last_error
from pipeline.flow.server import PrefectApi
from sceneparse.core.terminal import print_text

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.runner import Runner

LATE_SECONDS = 60.0  # age of a trouble that is worth a warning; Prefect's scheduler works every few seconds
POLL_SECONDS = 10.0
PAUSED = "the deployment is paused"
PLANNED = timedelta(days=30)  # a run due within this time must be planned: Prefect plans for 100 days


async def watch(runner: "Runner", deployment: UUID, name: str, api: PrefectApi, paused: bool) -> None:
    """Warn each time that the deployment's schedule stops starting runs; never returns.

    paused: whether the command began with --paused.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException

    trouble, since, warned = "", 0.0, False
    async with get_client() as client:
        while True:
            await asyncio.sleep(min(POLL_SECONDS, LATE_SECONDS / 4))
            try:
                now = "" if not runner.has_slots_available() else await _trouble(client, deployment, paused)
            except (httpx.HTTPError, PrefectException):  # the server does not answer: the runner logs that
                continue
            if now != trouble:  # another late run than before is progress
                trouble, since, warned = now, time.monotonic(), False
            if trouble and not warned and time.monotonic() - since >= LATE_SECONDS:
                resume = f"resume it at {api.page}/deployments/deployment/{deployment}"
                advice = resume if trouble == PAUSED else _reason(api)
                print_text(f"warning: the schedule of {name} starts no run: {trouble}\n  {advice}", sys.stderr)
                warned = True


async def _trouble(client: "PrefectClient", deployment: UUID, paused: bool) -> str:
    """Return why an idle runner has no run although its schedule has one due, or ''."""
    state = await client.read_deployment(deployment)
    schedules = [schedule.schedule for schedule in state.schedules if schedule.active]
    if not schedules:
        return ""
    if state.paused:
        return "" if paused else PAUSED
    runs = await client.get_scheduled_flow_runs_for_deployments([deployment], limit=1)  # the one that is due first
    now = datetime.now(UTC)
    if runs:
        due = runs[0].next_scheduled_start_time
        return f"the run due at {due:%Y-%m-%d %H:%M:%S} UTC is still waiting" if due and due < now else ""
    planned = [await _next_date(schedule, now) for schedule in schedules]
    return "none is planned" if any(date and date < now + PLANNED for date in planned) else ""


async def _next_date(schedule: Any, after: datetime) -> datetime | None:
    """Return the next date of a Prefect schedule."""
    from prefect.server.schemas.schedules import SCHEDULE_TYPES
    from pydantic import TypeAdapter

    server_schedule: Any = TypeAdapter(SCHEDULE_TYPES).validate_python(schedule.model_dump())
    return next(iter(await server_schedule.get_dates(n=1, start=after)), None)


def _reason(api: PrefectApi) -> str:
    if not api.log:
        return (
            f"read the log of the server at {api.page}: its scheduler must run "
            "(prefect server start, or prefect server services start beside it)"
        )
    error = last_error(api.log)
    return f"error of Prefect's server: {error}; more in {api.log}" if error else f"no error in {api.log}"
