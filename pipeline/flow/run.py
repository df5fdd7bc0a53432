"""`sceneparse run`: run the flow once, in this process.

Input: the flow's parameters. Output: a line per stage on standard output, the stages' own output on standard error, the
exit status. Without a configured Prefect API the command starts a server of its own.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from pipeline.flow.environment import prepare_environment
from pipeline.flow.server import api_reached, start_prefect, use_prefect_api
from pipeline.repro.dvc_commands import CommandError
from pipeline.repro.param_paths import check_params
from pipeline.repro.project_root import project_root
from pipeline.repro.stage_names import check_stage_name
from sceneparse.core.collecting import uncollected
from sceneparse.core.ends import exit_on_stops
from sceneparse.core.errors import TRY_AGAIN, InputError
from sceneparse.core.terminal import print_text

# Modules that Prefect and DVC import when a flow runs: here they load while our own server starts.
NEEDED = (
    *("dvc.parsing.interpolate", "dvc.repo", "dvc.repo.datasets", "dvc.scm"),
    *("fastapi.encoders", "networkx", "prefect.flow_engine", "prefect.task_engine"),
)


def run(**parameters: Any) -> None:
    """Run the flow; exit with 0 if it completed, 1 if not, 75 if not for now, 128 + the signal that stopped it."""
    check_stage_name(Path.cwd(), parameters["stage"])
    # Prefect logs each failure with its traceback; this command prints the message instead.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.chdir(project_root(Path.cwd()))
    check_params(Path.cwd())  # the flow checks them too, but only after a server has started
    prepare_environment()
    own = start_prefect()
    with uncollected():
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        from pipeline.flow.flow import may_pass

        for name in NEEDED:
            importlib.import_module(name)
    api = use_prefect_api(own)
    print(f"Prefect: {api.page}", file=sys.stderr, flush=True)
    # No heartbeat: the terminal shows the end of this process, and the heartbeat takes a second to stop.
    no_heartbeat = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    stops = exit_on_stops()
    try:
        with no_heartbeat, api_reached():
            state, error = _run_flow(parameters)
    except BaseException:  # a library may turn the exit into an error of its own
        if stops:
            _exit_stopped(stops)
        raise
    if stops and not state.is_completed():
        _exit_stopped(stops)
    if state.name == "Cancelled":
        sys.exit("cancelled: run again to resume")
    if not state.is_completed():
        print_text(f"error: {state.message}", sys.stderr)
        passes = state.name == "Refused" or may_pass(error)
        sys.exit(TRY_AGAIN if passes else 1)
    print(state.message)


def _run_flow(parameters: dict[str, Any]) -> tuple[Any, Any]:
    """Run the flow; return its state, and the error that made it fail. Raises an error that is a defect."""
    from pipeline.flow.flow import sceneparse

    state = sceneparse(**parameters, return_state=True)
    error = state.result(raise_on_failure=False) if state.is_failed() else None
    if isinstance(error, Exception) and not isinstance(error, InputError | CommandError):
        raise error  # the command line's --debug shows where
    return state, error


def _exit_stopped(stops: list[int]) -> NoReturn:
    print("stopped: run again to resume", file=sys.stderr)
    sys.exit(128 + stops[0])
