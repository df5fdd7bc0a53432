"""`sceneparse serve`: run the flow on a schedule and on request, until this process stops.

Input: a schedule and the flow's parameters. Output: a Prefect deployment and its runs, each in a process of its own, in
this working directory. `prefect.yaml` has the same deployment for a work pool.
"""

import asyncio
import os
import shlex
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pipeline.flow.environment import prepare_environment
from pipeline.flow.lateness import watch
from pipeline.flow.owner import check_owner, owner_tag
from pipeline.flow.result_links import serving_results
from pipeline.flow.server import PrefectApi, api_reached, start_prefect, use_prefect_api
from pipeline.repro.process import exit_by
from pipeline.repro.project import Project
from pipeline.repro.project_root import project_root
from pipeline.repro.stage_names import check_stage_name
from sceneparse.core.errors import InputError
from sceneparse.core.terminal import print_text

if TYPE_CHECKING:
    from prefect.runner import Runner

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(
    name: str, cron: str | None, interval: float | None, timezone: str | None, paused: bool, **parameters: Any
) -> None:
    """Serve the flow as deployment `name` until stopped. interval: seconds."""
    check_stage_name(Path.cwd(), parameters["stage"])
    os.chdir(project_root(Path.cwd()))
    Project(Path.cwd()).stages(parameters["stage"])  # refuses a wrong name now, not at night
    prepare_environment()
    schedule = _schedule(cron, interval, timezone)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, exit_by)  # until _serve sets its own handlers
    own = start_prefect()
    from prefect.runner import Runner

    api = use_prefect_api(own)
    with api_reached():
        check_owner(name, Path.cwd(), api)

    # Not Prefect's limit of a deployment: if a run and its server are killed, that never frees the run's slot, and no
    # run starts again. With "refuse" a second run starts, and refuses itself.
    runner = Runner(name=name, limit=1 if parameters["overlap"] == "wait" else None)
    when = f"cron {cron}" if cron else every(interval) if interval else "on request only"
    announcement = (
        f"serving sceneparse/{name}, {when}{', paused' if paused else ''}; Prefect: {api.page}\n"
        f"start a run now, in any terminal: {request(api, name)}"
    )
    with api_reached(), serving_results(Path.cwd()):
        asyncio.run(
            _serve(runner, api, announcement, name=name, schedule=schedule, paused=paused, parameters=parameters)
        )


def every(seconds: float) -> str:
    """Return an interval in the largest unit that divides it, as in 'every 2 minutes'."""
    units = {"day": 86400, "hour": 3600, "minute": 60}
    unit = next((unit for unit, size in units.items() if seconds % size == 0), "second")
    count = seconds / units.get(unit, 1)
    return f"every {unit}" if count == 1 else f"every {count:g} {unit}s"


def request(api: PrefectApi, name: str) -> str:
    """Return the command that starts a run; without the address, Prefect's own would start a server of its own."""
    return shlex.join([f"PREFECT_API_URL={api.url}", "prefect", "deployment", "run", f"sceneparse/{name}"])


async def _serve(runner: "Runner", api: PrefectApi, announcement: str, *, name: str, **deployment: Any) -> None:
    """Register the deployment and start due runs until a signal; then pause the schedule and cancel its run."""
    from prefect.client.orchestration import get_client
    from prefect.types.entrypoint import EntrypointType

    from pipeline.flow.flow import sceneparse

    stopped = asyncio.Event()
    _set_on_signals(stopped)
    identity = await runner.aadd_flow(
        sceneparse,
        name=name,
        tags=[owner_tag(Path.cwd())],
        entrypoint_type=EntrypointType.MODULE_PATH,
        **deployment,
    )
    serving = asyncio.create_task(runner.start())
    await asyncio.sleep(0)  # lets it set its own handler, which exits at once on a second signal; replace that
    _set_on_signals(stopped)
    while not (runner.started or serving.done()):  # a runner that has not started cannot be stopped
        await asyncio.sleep(0.02)
    print(announcement, flush=True)
    watching = asyncio.create_task(watch(runner, identity, f"sceneparse/{name}", api, deployment["paused"]))
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    stopping.cancel()
    if not serving.done():
        print("stopping", file=sys.stderr)
        async with get_client() as client:
            error = await client.api_healthcheck()
        if error:
            print_text(f"warning: Prefect's API does not answer, the schedule stays active there: {error}", sys.stderr)
            runner.pause_on_shutdown = False
        await runner.astop()
    await serving
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)  # only our own server is left to end


def _set_on_signals(stopped: asyncio.Event) -> None:
    for number in STOPS:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)


def _schedule(cron: str | None, interval: float | None, timezone: str | None) -> Any:
    """Return Prefect's schedule, or None without cron and interval. Raises InputError."""
    from prefect.schedules import Cron, Interval

    try:
        if timezone:
            ZoneInfo(timezone)
        if cron:
            return Cron(cron, timezone=timezone)
        return Interval(timedelta(seconds=interval), timezone=timezone) if interval else None
    except (ValueError, LookupError, OSError) as error:
        given = ", ".join(f"{flag} {value!r}" for flag, value in (("cron", cron), ("time zone", timezone)) if value)
        raise InputError(
            "the schedule is invalid",
            expected='five cron fields as in "0 3 * * *", a time zone as in Europe/Zurich',
            got=f"{given}: {error.args[0] if isinstance(error, LookupError) else error}",
            file="the command line",
            next_step="fix the flag",
        ) from None
