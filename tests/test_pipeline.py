"""The whole graph through DVC, as a user runs it: built, repeated, changed, looked at."""

import hashlib
import json
import re
import shutil
import subprocess

import pytest
from imports import ROOT
from ruamel.yaml import YAML
from servers import serving
from workspace import Workspace, tiny

pytestmark = pytest.mark.slow


OUTPUTS = (
    "models/fcn8s.keras",
    "models/fcn8s.json",
    "metrics/evaluate.json",
    "metrics/per_class.csv",
    "metrics/per_image.csv",
    "metrics/per_category.csv",
    "metrics/confusion.csv",
    "metrics/training/metrics.json",
    "metrics/training/plots/metrics/train/loss.tsv",
    "metrics/training/gradient_flow.csv",
    "report/index.html",
)

START = "pretrained/$(touch INJECTED) fcn32s.keras"  # a shell would run it
definition = YAML(typ="safe").load(ROOT / "dvc.yaml")
dvc_yaml = definition["stages"]
STAGES = tuple(dvc_yaml)


@pytest.fixture(scope="module")
def built(trained, tmp_path_factory):
    """A workspace in which `dvc repro` has run once; a test that changes it sets it right."""
    return trained.copy(tmp_path_factory.mktemp("built") / "project")


def test_no_stage_lets_tensorflow_speak(trained):
    said = trained.repro_errors
    assert re.findall(r"INFO epoch (1/2|2/2)  loss", said) == ["1/2", "2/2"]
    assert re.findall(r".*(?:[IWEF]0000 |absl::|oneDNN|cuInit|rebuild TensorFlow).*", said) == []


def test_everything_is_built(built):
    for name in OUTPUTS:
        assert built.read(name), name
    for section in json.loads(built.read("metrics/evaluate.json")).values():
        assert list(section) == [
            "pixel_accuracy",
            "mean_accuracy",
            "mean_iou",
            "mean_iou_absent_as_zero",
            "frequency_weighted_iou",
            "benchmark_score",
        ]
    left = [path.name.partition("-")[0] for path in (built.path / "state/train/checkpoints").glob("*/*.npz")]
    assert sorted(left) == ["best", "complete"], "a complete training keeps no steps"


def test_a_run_leaves_the_remote_alone(built):
    assert not (built.path / "../sceneparse-storage").exists()


def test_nothing_to_do_the_second_time(built):
    assert "Data and pipelines are up to date." in built.run("dvc", "repro")
    assert "Running stage" not in built.run("dvc", "repro")


def test_no_output_names_this_machine(built):
    for folder in ("data/records", "models", "metrics", "report"):
        for path in (built.path / folder).rglob("*"):
            assert not path.is_file() or str(built.path.parent).encode() not in path.read_bytes(), path


def changed_deps(workspace):
    """Return the dependencies that `dvc status` calls changed, by stage: files, folders and sections of the params."""
    status = json.loads(workspace.run("dvc", "status", "--json"))
    outputs = {out for stage in dvc_yaml.values() for out in stage["outs"]}
    found = {}
    for stage, changes in status.items():
        for change in changes:
            deps = change.get("changed deps", {}) if isinstance(change, dict) else {}
            names = {name for name in deps if name not in outputs | {"params.yaml"}} | {*deps.get("params.yaml", ())}
            found.setdefault(stage, set()).update(names)
    return {stage: names for stage, names in found.items() if names}


def test_a_changed_param_affects_the_stages_that_read_it(built):
    before = built.read("params.yaml")
    changes = {
        "download.demo.seed": 1,
        "weights.source": "sources/vgg16.yaml",
        "prepare.jpeg_quality": 90,
        "model.dropout": 0.25,
        "train.augment.flip": 0.25,
        "evaluate.batch_size": 3,
        "visualize.opacity": 0.5,
    }
    try:
        for key, value in changes.items():
            built.set_param(key, value)
        affected = changed_deps(built)
    finally:
        (built.path / "params.yaml").write_bytes(before)
    several = {
        "train": {"model", "train"},
        "weights": {"weights", "sources/vgg16.yaml"},
        "visualize": {"download", "evaluate", "visualize"},  # whose page names the source, and draws those views
    }
    sections = {key.partition(".")[0] for key in changes} - {"model"}
    assert affected == {section: {section} for section in sections} | several


def test_another_size_makes_other_records(built):
    """DVC's run cache leaves out each key named size of a section that it reads whole."""
    names = ("params.yaml", "dvc.lock", "data/records/manifest.json")
    before = {name: built.read(name) for name in names}
    size = json.loads(before[names[-1]])["size"]
    built.set_param("prepare.size", size * 2)
    try:
        assert "Running stage 'prepare'" in built.run("dvc", "repro", "prepare")
        assert json.loads(built.read(names[-1]))["size"] == size * 2
    finally:
        (built.path / "params.yaml").write_bytes(before["params.yaml"])
        output = built.run("dvc", "repro", "prepare")
    assert "Stage 'prepare' is cached" in output
    assert {name: built.read(name) for name in names} == before


def test_a_changed_source_file_affects_the_stages_that_use_it(built):
    files = {
        "stages/train/losses.py": {"train"},
        "stages/visualize/page/page.html.j2": {"visualize"},
        "stages/download/painting/things.py": {"download"},
        "sceneparse/dataset/archive.py": {"download", "prepare", "train", "evaluate", "visualize"},
        "sceneparse/params/visualize.py": {"visualize"},
        "sceneparse/params/evaluate.py": {"evaluate", "visualize"},
        "sceneparse/params/train.py": {"train"},
        "sceneparse/params/whole.py": set(),
        "sceneparse/convert/masks.py": set(),
    }
    before = {file: built.read(file) for file in files}
    try:
        for file, content in before.items():
            (built.path / file).write_bytes(content + b"\n")
        affected = changed_deps(built)
    finally:
        for file, content in before.items():
            (built.path / file).write_bytes(content)
    users = {file: {s for s, names in affected.items() if any(file.startswith(n) for n in names)} for file in files}
    assert users == files


def test_a_change_of_code_downloads_nothing_again(built, tmp_path):
    """DVC removes the archive before it runs the stage again."""
    content = built.read("data/raw/dataset.zip")
    digest, copy = f"sha256:{hashlib.sha256(content).hexdigest()}", built.copy(tmp_path / "project")
    painting = copy.path / "stages/download/painting/things.py"
    with serving(content) as served:
        (copy.path / "sources/mine.yaml").write_text(f"url: {served.url}\ndigest: {digest}\n")
        copy.set_param("download.source", "sources/mine.yaml")
        copy.run("dvc", "repro", "download")
        assert sum(sent for *_, sent in served.log) == len(content)
        served.log.clear()
        painting.write_bytes(painting.read_bytes() + b"\n")
        assert "Running stage 'download'" in copy.run("dvc", "repro", "download")
        assert served.log == []
    assert copy.read("data/raw/dataset.zip") == content


def test_what_users_look_at(built):
    assert "mean_iou" in built.run("dvc", "metrics", "show")
    assert "train" in built.run("dvc", "dag")
    built.run("dvc", "plots", "show")
    page = built.read("dvc_plots/index.html").decode()
    for title in ("Loss", "Validation mIoU", "Learning rate", "IoU per class", "The classes confused most"):
        assert title in page
    shutil.rmtree(built.path / "dvc_plots")
    shown = built.run("sceneparse", "results")
    assert "mean_iou" in shown
    assert "report/index.html" in shown
    assert "note:" not in shown


def test_each_metric_and_plot_that_dvc_yaml_names_has_values(built):
    shown = json.loads(built.run("dvc", "metrics", "show", "--json"))[""]["data"]
    for name in definition["metrics"]:
        assert shown[name]["data"] == json.loads(built.read(name))
    plots = json.loads(built.run("dvc", "plots", "show", "--json"))["data"]
    for entry in definition["plots"]:
        assert any(name.endswith(next(iter(entry))) for name in plots), entry
    for name, (plot, *_) in plots.items():
        assert plot["content"]["data"]["values"], name


def outside(built, folder, *command):
    """Run a command in a folder that is not the workspace; its standard output."""
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=built.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_model_can_be_had_from_outside(built, tmp_path):
    artifact = definition["artifacts"]["fcn8s"]
    assert artifact["type"] == "model"
    assert artifact["desc"]
    assert artifact["labels"]
    outside(built, tmp_path, "dvc", "get", built.path, artifact["path"])
    built.run("git", "tag", "--annotate", "--message", "first", "fcn8s@v1.0.0")
    outside(built, tmp_path, "dvc", "artifacts", "get", built.path, "fcn8s", "--out", "registered.keras")
    for name in ("fcn8s.keras", "registered.keras"):
        assert (tmp_path / name).read_bytes() == built.read("models/fcn8s.keras")


@pytest.mark.exhaustive
def test_the_same_params_give_the_same_bytes_elsewhere(built, tmp_path):
    again = tiny(Workspace(tmp_path / "elsewhere"))
    again.run("dvc", "repro")
    for name in OUTPUTS:
        assert again.read(name) == built.read(name), name


@pytest.mark.exhaustive
def test_a_trained_model_to_start_from_goes_through_params(built, tmp_path):
    """The model is tracked, and takes the place of the weights stage."""
    workspace = built.copy(tmp_path / "project")
    (workspace.path / "pretrained").mkdir()
    start = workspace.path / START
    shutil.copy(workspace.path / "models/fcn8s.keras", start)
    workspace.run("dvc", "add", "--quiet", str(start))
    workspace.set_param("model.stride", 16)
    workspace.set_param("train.epochs", 1)
    workspace.set_param("train.start_from", START)
    output = workspace.run("dvc", "repro", "train")
    assert "Running stage 'train'" in output
    assert not (workspace.path / "INJECTED").exists()
    assert "Data and pipelines are up to date." in workspace.run("dvc", "status", "train")
    locked_train = YAML(typ="safe").load(workspace.path / "dvc.lock")["stages"]["train"]
    paths = {dep["path"] for dep in locked_train["deps"]}
    assert START in paths
    assert "data/raw/backbone" not in paths
    assert json.loads(workspace.read("models/fcn8s.json"))["params"]["train"]["start_from"] == START
    shutil.copy(workspace.path / "models/fcn8s.keras", start)  # another model under the same name
    assert "train" in json.loads(workspace.run("dvc", "status", "--json", "train"))


@pytest.mark.exhaustive
def test_an_experiment_reruns_what_it_changes(built):
    before = built.read("report/index.html")
    try:
        output = built.run("dvc", "exp", "run", "-S", "visualize.opacity=0.25")
        assert "Running stage 'visualize'" in output
        assert "Stage 'evaluate' didn't change, skipping" in output
        assert built.read("report/index.html") != before
        assert "visualize.opacity" in built.run("dvc", "params", "diff")
    finally:
        built.run("git", "reset", "--hard", "--quiet")
        built.run("dvc", "checkout")
    assert built.read("report/index.html") == before


def test_a_stage_says_what_goes_in_and_out(built):
    for stage in STAGES:
        shown = built.run("python", "-m", f"stages.{stage}", "--help")
        for flag in re.findall(r"--[a-z-]+", dvc_yaml[stage]["cmd"]):
            assert flag in shown
