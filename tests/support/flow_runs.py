"""Runs and schedules of the flow as processes: started, waited for, and looked for once they should be gone."""

import subprocess
import time
from contextlib import contextmanager, suppress
from datetime import datetime
from zoneinfo import ZoneInfo

import psutil
from daemons import PATIENCE


def processes(environment):
    """Living processes that have this environment's mark."""
    mark, found = environment["SCENEPARSE_TEST"], []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SCENEPARSE_TEST") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def command_line(process):
    """The words of the process's command line; none once it has ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def kill_processes(environment):
    """Kill the living processes that have this environment's mark; one that ends meanwhile is as good as killed."""
    for process in processes(environment):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def wait_for(condition, seconds, what):
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@contextmanager
def going_on(mirror, stage="train", trouble="stubborn"):
    """`sceneparse run`, in a stage that would never end and does not heed SIGTERM; set right afterwards."""
    with mirror.trouble(stage, trouble):
        process = subprocess.Popen(
            ["sceneparse", "run"],
            cwd=mirror.path,
            env=mirror.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            wait_for((mirror.path / "state/alive").exists, PATIENCE, "the stage does not begin")
            yield process
        finally:
            process.kill()
            process.communicate()
            kill_processes(mirror.environment)


def check_ended_well(process, environment, log):
    """A stopped `serve` ends with status 0, without noise and with all that it started."""
    assert process.wait(PATIENCE) == 0, log.read_text()
    wait_for(lambda: not processes(environment), PATIENCE, "processes are left")
    for noise in ("Traceback", "never awaited", "Warning:"):
        assert noise not in log.read_text()


def scheduled_runs(api, deployment, state):
    """The deployment's runs that its schedule made, in a state."""
    filters = {"deployments": {"id": {"any_": [deployment["id"]]}}, "flow_runs": {"state": {"type": {"any_": [state]}}}}
    return [run for run in api.post("flow_runs/filter", **filters) if run["auto_scheduled"]]


def local_times(api, deployment, zone):
    """The times of day of the runs that the server has planned, some days of them."""
    wait_for(lambda: len(scheduled_runs(api, deployment, "SCHEDULED")) > 2, PATIENCE, "no runs are planned")
    starts = [run["expected_start_time"] for run in scheduled_runs(api, deployment, "SCHEDULED")]
    return [datetime.fromisoformat(start).astimezone(ZoneInfo(zone)).time() for start in starts]
