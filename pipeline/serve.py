"""`sceneparse serve`: the flow on a schedule, and on request, for as long as this process runs.

Input: a schedule and the flow's parameters. Output: a Prefect deployment and the runs that it starts, each in
a process of its own, in this working directory. `prefect.yaml` has the same deployment for a work pool.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.dvc import Project, project_root
from pipeline.server import api_reached, private, use_prefect_api
from pipeline.stage_names import check_stage_name
from stages.errors import InputError


def serve(
    name: str, cron: str | None, interval: float | None, timezone: str | None, paused: bool, **parameters: Any
) -> None:
    """Serve the flow as deployment `name` until stopped. interval: seconds."""
    check_stage_name(Path.cwd(), parameters["stage"])
    os.chdir(project_root(Path.cwd()))
    Project(Path.cwd()).stages(parameters["stage"])  # so that a wrong name is refused now and not at night
    private()
    schedule = _schedule(cron, interval, timezone)
    url = use_prefect_api()

    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.types.entrypoint import EntrypointType

    from pipeline.flows import sceneparse

    strategy = {"wait": ConcurrencyLimitStrategy.ENQUEUE, "refuse": ConcurrencyLimitStrategy.CANCEL_NEW}
    when = cron or (f"every {timedelta(seconds=interval)}" if interval else "on request only")
    print(f"serving sceneparse/{name}, {when}{', paused' if paused else ''}; Prefect: {url.removesuffix('/api')}")
    print(f"a run now: prefect deployment run sceneparse/{name}", flush=True)
    with api_reached():
        sceneparse.serve(
            name,
            schedule=schedule,
            paused=paused,
            parameters=parameters,
            global_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=strategy[parameters["overlap"]]),
            entrypoint_type=EntrypointType.MODULE_PATH,
            print_starting_message=False,
        )


def _schedule(cron: str | None, interval: float | None, timezone: str | None) -> Any:
    """Prefect's schedule; None without cron and interval. Raises InputError on what cannot be read."""
    from prefect.schedules import Cron, Interval

    try:
        if timezone:
            ZoneInfo(timezone)
        if cron:
            return Cron(cron, timezone=timezone)
        return Interval(timedelta(seconds=interval), timezone=timezone) if interval else None
    except (ValueError, LookupError, OSError) as error:
        raise InputError(
            "this is no schedule",
            expected='five cron fields as in "0 3 * * *", a time zone as in Europe/Zurich',
            got=f"cron {cron!r}, time zone {timezone!r}: {error}",
            file="the command line",
            next_step="mend the flag",
        ) from None
