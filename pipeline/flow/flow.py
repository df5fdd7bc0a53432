"""The stages of dvc.yaml as one Prefect flow, a task per stage.

Input: a DVC repository, the working directory. Output: the flow run's state, its artifacts, and the stages' outputs.
Invariant: a task is Cached exactly when `dvc status` finds no change, Restored when DVC brought the outputs back from
its cache, Completed when the stage ran. Tasks run one after another in the main thread, so every end of the flow also
ends the stage's processes.
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.states import Cancelled, Completed, Failed
from pydantic import Field

from pipeline.flow.aftermath import noted
from pipeline.flow.artifacts import publish_lineage, publish_results, published
from pipeline.flow.cancellation import RunCancelledError, heeding_cancellation
from pipeline.flow.gate import Gate, mean_iou, read_earlier
from pipeline.flow.overlap import Overlap, one_at_a_time, when_free
from pipeline.flow.relay import Relay
from pipeline.repro.dvc_commands import CommandError, Verdict, push_outputs, reproduce
from pipeline.repro.integrity import Outputs, repair
from pipeline.repro.lockfile import LOCK, keep_copy, restore_torn, uncommitted
from pipeline.repro.param_paths import PARAMS, check_inputs, check_params
from pipeline.repro.project import Project, Stage
from pipeline.repro.project_root import project_root
from pipeline.repro.stage_paths import stage_path
from sceneparse.core.errors import BusyError, InputError, TransientError
from sceneparse.core.file_errors import files_understood
from sceneparse.core.files import write_json
from sceneparse.core.terminal import print_text
from sceneparse.scores.results import read_scores


def may_pass(error: Any) -> bool:
    """Return whether trying again can help after this error."""
    return isinstance(error, TransientError) or (isinstance(error, CommandError) and error.may_pass)


def _may_pass(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Return whether to retry a failed task: a network may come back, bad input stays bad.

    What another run causes, `overlap` has decided.
    """
    error = state.result(raise_on_failure=False)
    return may_pass(error) and not isinstance(error, BusyError)


RETRY_SECONDS = [5.0, 20.0, 60.0]  # before trying a download or a push again
RETRIES: dict[str, Any] = {
    "retries": len(RETRY_SECONDS),
    "retry_delay_seconds": RETRY_SECONDS,
    "retry_condition_fn": _may_pass,
}
GOOD, PUSHED = Path("state/flow/good.json"), Path("state/flow/pushed.json")  # scores of the last good, pushed run

Share = Annotated[float, Field(ge=0, le=1)]


@flow(name="sceneparse")
def sceneparse(
    stage: str | None = None,
    force: bool = False,
    push: bool = False,
    min_iou: Share | None = None,
    margin: Share = 0.01,
    overlap: Overlap = "wait",
) -> State[Any]:
    """Bring the workspace up to date with dvc.yaml and params.yaml.

    Args:
        stage: run this stage and those that it needs; default: all stages.
        force: also run stages that are up to date.
        push: afterwards upload the outputs and the run-cache to the DVC remote.
        min_iou: fail, and push nothing, if the mean IoU is below this (0..1).
        margin: fail, and push nothing, if the mean IoU is more than this below the last pushed model's (0..1).
        overlap: wait for another run in this workspace, or refuse to start.
    """
    try:
        with files_understood():
            root = project_root(Path.cwd())
            with publish_lineage(root):
                check_params(root)
                restore_torn(root)
                project = Project(root)
                stages = project.stages(stage)
                gate = Gate(min_iou, margin) if push or min_iou is not None else None
                _check(project, stages, push, gate)
                with heeding_cancellation(), one_at_a_time(project, overlap), noted(root):
                    return _run(project, stages, force, push, gate, overlap)
    except RunCancelledError as error:
        return Cancelled(message=str(error))
    except BusyError as error:
        return Cancelled(name="Refused", message=str(error))
    except InputError as error:
        return Failed(message=str(error), data=error)


def _check(project: Project, stages: list[Stage], push: bool, gate: Gate | None) -> None:
    """Raise InputError for a run that is bound to fail, before it starts."""
    check_inputs(project, stages)
    if push:
        project.remote()
    scores = stage_path("--scores", project.root)
    if gate and str(scores) not in project.outputs(stages):
        raise InputError(
            "the quality gate needs scores",
            expected=f"a run of the stage that writes {scores}",
            got=", ".join(node.name for node in stages),
            file=project.root / "dvc.yaml",
            next_step="omit --stage; or omit --push and --min-iou, and push by hand: dvc push",
        )


def _run(
    project: Project, stages: list[Stage], force: bool, push: bool, gate: Gate | None, overlap: Overlap
) -> State[Any]:
    """Run the stages, publish and check their scores, push; return the flow's state."""
    outputs, states = Outputs(project), dict[str, State[Any]]()
    run_stage = _stage_task(project, outputs, force, overlap)

    def current(stage: str) -> str | None:
        digest = None if force else project.current(stage)
        return None if digest and repair(project, outputs, stage) else digest

    width = 2 + max(10, *(len(node.name) for node in stages))
    for node in stages:
        upstream = [states[name] for name in node.needs]
        digest = when_free(overlap, partial(current, node.name))
        states[node.name] = state = run_stage(node.name, digest, return_state=True, wait_for=upstream)
        print_text(f"{node.name:<{width}}{state.name}")
        if not state.is_completed():
            return _ended_by(node.name, state)
        keep_copy(project.root)
    file = stage_path("--scores", project.root)
    if str(file) not in project.outputs(stages):
        return Completed(message="up to date")

    scores = read_scores(project.root / file)
    good, pushed = (read_earlier(project.root / path) for path in (GOOD, PUSHED))
    if not published() or any(state.name != Verdict.CACHED for state in states.values()):
        publish_results(project.root, scores, good)
    if gate and (reason := gate.closed(scores, pushed)):
        return Failed(name="BelowGate", message=f"the quality gate is closed, nothing is pushed: {reason}")
    if push:
        names = [node.name for node in stages]
        state = _push_task(project, overlap)(names, return_state=True, wait_for=list(states.values()))
        print_text(f"{'push':<{width}}{state.name}")
        if not state.is_completed():
            return _ended_by("push", state)
        write_json(project.root / PUSHED, scores)
    write_json(project.root / GOOD, scores)
    return Completed(message=f"mean IoU {mean_iou(scores) or 0:.4f}")


def _ended_by(name: str, state: State[Any]) -> State[Any]:
    """Return the flow's state after a task that did not complete."""
    if state.is_cancelled():
        raise RunCancelledError(str(state.message))
    error = state.result(raise_on_failure=False)
    if isinstance(error, BusyError):
        raise error
    return Failed(message=f"{name}: {error if isinstance(error, Exception) else state.message}", data=error)


def _stage_task(project: Project, outputs: Outputs, force: bool, overlap: Overlap) -> Any:
    """Return the task that stands for a stage.

    Its parameters are the stage's name and the result of `Project.current`: DVC alone decides whether the stage is up
    to date. Prefect's cache key is that result, so its record of a task never outlives the files.
    """

    def key(_: TaskRunContext, parameters: dict[str, Any]) -> str | None:
        return f"sceneparse-{parameters['stage']}-{parameters['current']}" if parameters["current"] else None

    @task(task_run_name="{stage}", cache_key_fn=key, persist_result=True, **RETRIES)
    def run_stage(stage: str, current: str | None) -> State[Any]:
        if current:  # Prefect has no record of this task yet
            return Completed(name=Verdict.CACHED, data=stage)
        try:
            relay = Relay(get_run_logger())
            with files_understood():
                for _ in range(2):
                    verdict = when_free(overlap, lambda: reproduce(project.root, stage, force, relay))
                    damaged = when_free(overlap, lambda: repair(project, outputs, stage))
                    if not damaged:  # else copied from a damaged object of the cache
                        return Completed(name=verdict, data=stage)
            raise InputError(
                "a stage's outputs were damaged twice",
                expected="files with the bytes of the digests in dvc.lock",
                got="other bytes, both times: they are removed",
                file=", ".join(map(str, damaged)),
                next_step="check the disk (dmesg), and run again",
            )
        except RunCancelledError as error:
            return Cancelled(message=str(error))

    return run_stage


def _push_task(project: Project, overlap: Overlap) -> Any:
    """Return the task that uploads the stages' outputs and the run-cache."""

    @task(task_run_name="push", **RETRIES)
    def push(stages: list[str]) -> State[Any]:
        relay = Relay(get_run_logger())
        try:
            when_free(overlap, lambda: push_outputs(project.root, stages, relay))
        except RunCancelledError as error:
            return Cancelled(message=str(error))
        tracked = [name for name in stages if name.endswith(".dvc")]  # which the run brought up to date as well
        if files := uncommitted(project.root, [str(LOCK), str(PARAMS), *tracked]):
            relay(f"note: for others to pull these results, commit {', '.join(files)}, and git push\n".encode())
        return Completed(message=f"pushed to {project.remote()}")

    return push
