"""The flow reports the same verdict on each stage as DVC, whatever happened to the workspace before."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import ExitStack

import pytest
from flow_process import FlowProcess
from mirror import STAGES, Mirror, dvc_yaml
from prefect_server import Api
from tiers import matrix

from sceneparse.core.locks import locked

pytestmark = pytest.mark.slow


def below(stage):
    """Return the stages that need a stage's outputs, directly or through others."""
    reached = {stage}
    for name in STAGES:  # in an order in which they run
        if {out for other in reached for out in dvc_yaml["stages"][other]["outs"]} & set(
            dvc_yaml["stages"][name]["deps"]
        ):
            reached.add(name)
    return reached - {stage}


def verdicts(changed=(), word="Completed"):
    """Return a run's verdicts: `word` for the `changed` stages, Cached for the others."""
    return {name: word if name in changed else "Cached" for name in STAGES}


@pytest.fixture(scope="module")
def built(tmp_path_factory, prefect_api):
    """A mirror whose stages have run once."""
    mirror = Mirror(tmp_path_factory.mktemp("built") / "project", prefect_api.environment)
    mirror.run("dvc", "repro")
    mirror.commit("built")
    return mirror


@pytest.fixture
def mirror(built, tmp_path):
    """A copy of the built mirror, for a test to change."""
    shutil.copytree(built.path, tmp_path / "project", symlinks=True)
    return Mirror(tmp_path / "project", {**built.environment, "DVC_SITE_CACHE_DIR": str(tmp_path / "site-cache")})


@pytest.fixture(scope="module")
def process(tmp_path_factory, prefect_api):
    """The process that runs flows."""
    process = FlowProcess(prefect_api.environment, tmp_path_factory.mktemp("flows") / "log")
    yield process
    process.close()


@pytest.fixture
def run(mirror, process):
    """Run the flow in the mirror; return its state and its verdict on each stage."""

    def run(**parameters):
        state = process.ask("flow", mirror.path, mirror.environment, **parameters)
        lines = [line.split() for line in state["output"].splitlines()]
        return state, {words[0]: words[1] for words in lines if words[0] in (*STAGES, "push")}

    return run


@pytest.fixture
def check(mirror, process, run):
    """Check a run's verdicts: they agree with `dvc status` before it, and nothing is left to do."""

    def check(expected):
        before = process.ask("status", mirror.path, mirror.environment)
        state, said = run()
        assert state["name"] == "Completed", state["message"]
        assert said == expected
        # The first stage that DVC called changed was not Cached, and what was not Cached had a reason.
        assert [said[name] != "Cached" for name in STAGES if name in before][:1] == [True] * bool(before)
        reasons = set().union(*({name} | below(name) for name in before))
        assert {name for name in STAGES if said[name] != "Cached"} <= reasons
        assert process.ask("status", mirror.path, mirror.environment) == []

    return check


def test_nothing_changed_with_and_without_prefects_records(check):
    check(verdicts())  # Prefect has none of this workspace yet
    check(verdicts())  # and now it has


def test_a_run_that_cannot_begin_has_its_lineage(mirror, run, prefect_api):
    mirror.set_line("evaluate", "value: 77")
    assert run(stage="nonsense")[0]["name"] == "Failed"
    lineage = {"artifacts": {"key": {"any_": ["lineage"]}}, "sort": "CREATED_DESC", "limit": 1}
    assert "evaluate: {value: 77}" in Api(prefect_api.url).post("artifacts/filter", **lineage)[0]["data"]


@pytest.mark.parametrize("stage", matrix(STAGES))
def test_a_param_changed_and_changed_back(mirror, check, stage):
    mirror.set_line(stage, "value: 51")
    check(verdicts({stage} | below(stage)))
    mirror.set_line(stage, "value: 50")
    check(verdicts({stage} | below(stage), "Restored"))
    check(verdicts())


@pytest.mark.parametrize("stage", matrix(STAGES))
def test_an_output_deleted(mirror, check, stage):
    check(verdicts())  # with Prefect's records of the state before
    for out in mirror.outs(stage):
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    check(verdicts({stage}, "Restored"))


@pytest.mark.parametrize("stage", matrix(STAGES))
def test_an_output_corrupted(mirror, check, stage):
    check(verdicts())
    out = mirror.outs(stage)[0]
    out = out / "index.html" if out.is_dir() else out
    content = out.read_bytes()
    out.unlink()  # it may be a link into the cache
    out.write_bytes(b"spoilt")
    check(verdicts({stage}, "Restored"))
    assert out.read_bytes() == content


@pytest.mark.parametrize("stage", matrix(STAGES))
def test_a_source_file_edited(mirror, check, stage):
    check(verdicts())
    with (mirror.path / f"stages/{stage}/stage.py").open("a") as file:
        file.write("# why\n")
    check(verdicts({stage}))  # which writes the same again


@pytest.mark.parametrize("stage", matrix(STAGES))
def test_dvc_repro_by_hand_in_between(mirror, check, stage):
    check(verdicts())
    mirror.set_line(stage, "value: 51")
    mirror.run("dvc", "repro")
    check(verdicts())


@pytest.mark.parametrize("stage", matrix(STAGES))
def test_forced(run, stage):
    needed = {name for name in STAGES if stage in {name} | below(name)}
    state, said = run(stage=stage, force=True)
    assert said == dict.fromkeys(needed, "Completed"), state["message"]
    assert list(said) == [name for name in STAGES if name in needed]


def test_another_clone_with_a_pulled_cache(mirror, process, tmp_path):
    mirror.run("dvc", "push", "--run-cache")
    mirror.run("git", "clone", "--quiet", str(mirror.path), str(tmp_path / "clone"))
    clone = Mirror(tmp_path / "clone", {**mirror.environment, "DVC_SITE_CACHE_DIR": str(tmp_path / "other-site-cache")})
    clone.run("dvc", "pull")
    state = process.ask("flow", clone.path, clone.environment)
    assert state["output"].split()[1::2][: len(STAGES)] == ["Cached"] * len(STAGES)
    assert process.ask("status", clone.path, clone.environment) == []


def test_a_file_that_dvc_tracks_is_part_of_a_run_if_a_stage_reads_it(mirror, run):
    photos = mirror.path / "all the photos.zip"
    photos.write_bytes(b"photos")
    mirror.run("dvc", "add", photos.name)
    state, said = run()
    assert said == verdicts(), state["message"]
    assert photos.name not in state["output"]

    definition = json.loads((mirror.path / "dvc.yaml").read_text())
    definition["stages"]["download"]["deps"].append(photos.name)
    (mirror.path / "dvc.yaml").write_text(json.dumps(definition))
    state, said = run()
    assert said == verdicts({"download"}), state["message"]
    assert f"{photos.name}.dvc  Cached\n" in state["output"]
    photos.write_bytes(b"other photos")
    state, said = run()
    assert said == verdicts({"download"}), state["message"]
    assert f"{photos.name}.dvc  Completed\n" in state["output"]
    said = mirror.run("sceneparse", "run", "--push")
    assert f"{photos.name}.dvc  Cached\n" in said
    assert f"for others to pull these results, commit dvc.lock, {photos.name}.dvc, and git push" in said
    mirror.commit("photos")
    assert "for others to pull" not in mirror.run("sceneparse", "run", "--push")


def stored(mirror):
    """Return the number of files in the remote."""
    return sum(path.is_file() for path in (mirror.path.parent / "sceneparse-storage").rglob("*"))


def test_the_gate_lets_nothing_below_the_least_iou_pass(mirror, run):
    state, said = run(push=True, min_iou=0.51)
    assert state["name"] == "BelowGate"
    assert "mean IoU 0.5000 is below 0.5100" in state["message"]
    assert "push" not in said
    assert stored(mirror) == 0
    state, said = run(push=True, min_iou=0.5)
    assert (state["name"], said["push"]) == ("Completed", "Completed")
    assert stored(mirror) > 0


def test_the_gate_compares_with_the_model_pushed_last(mirror, run):
    assert run(push=True)[1]["push"] == "Completed"
    mirror.set_line("evaluate", "value: 47")
    before = stored(mirror)
    state, said = run(push=True, margin=0.02)
    assert state["name"] == "BelowGate"
    assert "mean IoU 0.4700 is more than 0.0200 below 0.5000, the last pushed model's" in state["message"]
    assert "push" not in said
    assert stored(mirror) == before
    assert run(push=True, margin=0.04)[1]["push"] == "Completed"
    assert stored(mirror) > before
    assert run(push=True, margin=0.0)[1]["push"] == "Completed"  # 0.47 is now what is compared with


def test_a_gate_needs_scores(run):
    state, said = run(stage="prepare", min_iou=0.1)
    assert (state["name"], said) == ("Failed", {})
    assert "the quality gate needs scores" in state["message"]


def test_a_push_needs_a_remote(mirror, run):
    mirror.run("dvc", "remote", "default", "--unset")
    state, said = run(push=True)
    assert (state["name"], said) == ("Failed", {})
    assert "there is no remote to push to" in state["message"]


def test_a_stage_that_fails_is_not_tried_again_and_says_why(mirror, run):
    mirror.set_line("prepare", "value: 50, trouble: fail")
    state, said = run()
    assert state["name"] == "Failed"
    assert state["message"].splitlines() == [
        "prepare: dvc repro --single-item prepare failed",
        "prepare says: value 50",
        "error: the input is bad",
    ]
    assert said == {"download": "Cached", "weights": "Cached", "prepare": "Failed"}
    assert (mirror.path / "state/tries").read_text() == "x"
    mirror.set_line("prepare", "value: 50")
    assert run()[0]["name"] == "Completed"


def test_a_network_that_comes_back_is_waited_for(mirror, run):
    mirror.set_line("download", "value: 50, trouble: network")
    state, said = run()
    assert state["name"] == "Completed", state["message"]
    assert said["download"] == "Completed"
    assert (mirror.path / "state/tries").read_text() == "xxx"


@pytest.mark.parametrize(("trouble", "may_pass"), [("full", True), ("fail", False)])
def test_a_failed_run_says_whether_to_try_again(mirror, run, trouble, may_pass):
    mirror.set_line("download", f"value: 50, trouble: {trouble}")
    state, _ = run()
    assert (state["name"], state["may_pass"]) == ("Failed", may_pass)


def test_a_second_run_waits_or_is_refused(mirror, run):
    lock = mirror.path / "state/flow/lock"
    with locked(lock, "testing"):
        state, said = run(overlap="refuse")
        assert (state["name"], said) == ("Refused", {})
        assert "another process is running the stages here" in state["message"]
    with ExitStack() as held:
        held.enter_context(locked(lock, "testing"))
        freed = threading.Timer(1, held.close)
        began = time.monotonic()
        freed.start()
        state, said = run(overlap="wait")
        assert (state["name"], said) == ("Completed", verdicts())
        assert time.monotonic() - began > 1


def test_a_run_is_refused_while_dvc_repro_runs_by_hand(mirror, run):
    mirror.set_line("prepare", "value: 50, trouble: hang")
    by_hand = subprocess.Popen(["dvc", "repro"], cwd=mirror.path, env=mirror.environment, start_new_session=True)
    try:
        alive = mirror.path / "state/alive"
        while not alive.exists():
            assert by_hand.poll() is None
            time.sleep(0.05)
        state, said = run(overlap="refuse")
        assert (state["name"], said) == ("Refused", {})
        assert f"process {by_hand.pid}" in state["message"]
    finally:
        os.killpg(by_hand.pid, signal.SIGKILL)
        by_hand.wait()
    mirror.set_line("prepare", "value: 50")
    assert run()[0]["name"] == "Completed"


@pytest.mark.exhaustive
def test_runs_beside_dvc_repro_are_refused_or_complete_at_any_moment(mirror, run):
    """DVC writes dvc.lock in place; a run that reads it then must not take it for damaged."""
    states = []
    for value in range(60, 70):
        for stage in STAGES:
            mirror.set_line(stage, f"value: {value}")
        by_hand = subprocess.Popen(["dvc", "repro"], cwd=mirror.path, env=mirror.environment, stdout=subprocess.DEVNULL)
        while by_hand.poll() is None:
            states.append(run(overlap="refuse")[0])
        assert by_hand.returncode == 0 or "Completed" in {state["name"] for state in states}, "a run was faster"
        assert run()[0]["name"] == "Completed"
    others = [state for state in states if state["name"] not in ("Refused", "Completed")]
    assert others == []
