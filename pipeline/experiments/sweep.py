"""`sceneparse sweep`: a grid of DVC experiments, one after another, apart from the workspace.

Input: KEY=VALUE,VALUE arguments over the workspace's params. Output: an experiment per point; a line per point on
standard output; the stages' output on standard error and in state/sweep/NAME.log. Invariant: a point is done when an
experiment with the same commit, uncommitted changes and params exists. So a sweep that was killed at any moment, when
started again, runs the missing points, and training resumes from its checkpoint.
"""

import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.experiments.dvc_experiments import Baseline
from pipeline.experiments.experiment_rows import Experiment, list_experiments
from pipeline.experiments.grid import Point, read_grid
from pipeline.repro import supervisor
from pipeline.repro.dvc_commands import CommandError, failures_understood
from pipeline.repro.param_paths import PARAMS
from pipeline.repro.process import exit_by
from pipeline.repro.project_root import project_root
from pipeline.repro.stage_paths import stage_path
from pipeline.repro.supervisor import GRACE_SECONDS
from sceneparse.core.errors import TRY_AGAIN, BusyError, few
from sceneparse.core.fields import shown
from sceneparse.core.locks import locked
from sceneparse.core.tables import print_line, print_table
from sceneparse.scores.results import read_scores

STATE = Path("state/sweep")
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Step:
    """Point of the plan: its experiment's name, and that experiment if it is done."""

    number: str
    point: Point
    name: str
    done: Experiment | None


def sweep(assignments: list[str], dry_run: bool) -> None:
    """Run the grid's points that are not done; exit with 1 if one failed (75: for now), 130 or 143 if stopped."""
    root = project_root(Path.cwd())
    points, params = read_grid(assignments, root / PARAMS), (root / PARAMS).read_text()
    if dry_run:
        with failures_understood(root):
            _print_plan(_plan(Baseline.of(root), points))
        return
    with _stoppable(), locked(root / STATE / "lock", "sweeping in this workspace"), failures_understood(root):
        _wait_for_killed(root / STATE)
        baseline = Baseline.of(root)
        plan = _plan(baseline, points)
        _print_plan(plan)
        if untracked := baseline.unknown(step.point.params_text(params) for step in plan if not step.done):
            text = ", ".join(few(untracked, most=10))
            print_line(f"not in the experiments, because Git does not track them: {text}", sys.stderr)
        _clean(baseline, root / STATE, {step.name for step in plan if not step.done})
        failures = [error for step in plan if (error := _take(step, baseline, params))]
    if failures:
        reasons = "\n\n".join(map(str, failures))
        print(
            f"\n{reasons}\n\nerror: {len(failures)} of {len(plan)} points failed; the next start tries them again",
            file=sys.stderr,
        )
        sys.exit(TRY_AGAIN if any(error.may_pass for error in failures) else 1)
    print("rank them: sceneparse compare")


def _plan(baseline: Baseline, points: list[Point]) -> list[Step]:
    """Return a step for each point. The digest at the end of its name identifies it, not the values before."""
    _, experiments = list_experiments(baseline.root)
    done = {row.name.rpartition("-")[2]: row for row in experiments if row.done and row.baseline == baseline.commit}
    steps = []
    for number, point in enumerate(points, start=1):
        digest = baseline.digest(point.params.model_dump_json())
        name = done[digest].name if digest in done else f"{point.label}-{digest}"
        steps.append(Step(f"{number}/{len(points)}", point, name, done.get(digest)))
    return steps


def _print_plan(plan: list[Step]) -> None:
    keys = list(plan[0].point.values)
    rows = [
        [step.number, *map(shown, step.point.values.values()), step.name, "done" if step.done else "to run"]
        for step in plan
    ]
    print_table(["point", *keys, "experiment", "state"], rows)
    print(flush=True)


def _take(step: Step, baseline: Baseline, params: str) -> CommandError | None:
    """Run a point unless it is done, and print its line; return its error, or None."""
    if step.done:
        _print_line(step, "done before", None, step.done.scores.get("original.mean_iou"))
        return None
    print(f"{step.number} {step.name}", file=sys.stderr, flush=True)
    folder, start = baseline.root / STATE / step.name, time.monotonic()
    try:
        baseline.run(step.name, step.point.params_text(params), folder, _pass_on)
    except CommandError as error:
        _print_line(step, "failed", time.monotonic() - start, None)
        baseline.strip(folder)
        return error
    scores = (project := baseline.project(folder)) / stage_path("--scores", project)
    iou = read_scores(scores)["original"]["mean_iou"] if scores.exists() else None
    _print_line(step, "ran", time.monotonic() - start, iou)
    shutil.rmtree(folder)
    return None


def _print_line(step: Step, verdict: str, seconds: float | None, iou: float | None) -> None:
    duration = "-" if seconds is None else f"{seconds:.1f} s"
    score = "-" if iou is None else f"mean IoU {iou:.4f}"
    print(f"{step.number:<7}  {verdict:<11}  {duration:>9}  {score:<15}  {step.name}", flush=True)


def _pass_on(chunk: bytes) -> None:
    sys.stderr.buffer.write(chunk)
    sys.stderr.flush()


def _clean(baseline: Baseline, state: Path, wanted: set[str]) -> None:
    """Remove links to data and the checkouts of killed sweeps; keep training's state for this sweep's points."""
    for path in list(state.iterdir()):
        if path.is_symlink():
            path.unlink()
        elif path.name in wanted:
            baseline.strip(path)
        elif path.is_dir():
            shutil.rmtree(path)


def _wait_for_killed(state: Path) -> None:
    """Wait for the processes of a killed sweep: saving their state takes some seconds. Raises BusyError."""
    deadline = time.monotonic() + 2 * GRACE_SECONDS + 2
    while left := _supervisors(state):
        if time.monotonic() > deadline:
            raise BusyError(
                "processes of a killed sweep are still at work",
                expected="their end within seconds",
                got=f"process {left[0]}",
                file=state,
                next_step="end it, and start the sweep again",
            )
        time.sleep(POLL_SECONDS)


def _supervisors(state: Path) -> list[int]:
    """Return the ids of supervisors whose command runs in a checkout below `state`."""
    supervisors = []
    for process in psutil.process_iter():
        try:
            if supervisor.__file__ in process.cmdline() and Path(process.cwd()).is_relative_to(state.resolve()):
                supervisors.append(process.pid)
        except psutil.Error:
            continue
    return supervisors


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into SystemExit, so that the block ends its processes and waits for them."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, exit_by) for number in numbers}
    try:
        yield
    except SystemExit:
        print("stopped: start it again to resume", file=sys.stderr)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
