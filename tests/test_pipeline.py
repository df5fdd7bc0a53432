"""The whole graph through DVC, as a user runs it: built, repeated, changed, looked at."""

import hashlib
import json
import re
import shutil
import subprocess
from importlib import import_module
from inspect import get_annotations

import pytest
from imports import ROOT, closure, has_code
from PIL import Image
from ruamel.yaml import YAML
from servers import serving
from workspace import Workspace, tiny

from sceneparse.params.whole import Params

# Imported, with no say in any output: the public entry, a hint about the environment, the check of the whole params.
NO_DEPS = ("sceneparse", "stages", "sceneparse.params.whole")
STAGES = ("download", "weights", "prepare", "train", "evaluate", "visualize")
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


@pytest.fixture(scope="module")
def built(trained, tmp_path_factory):
    """A workspace in which `dvc repro` has run once; a test that changes it sets it right."""
    return trained.copy(tmp_path_factory.mktemp("built") / "project")


def affected(workspace):
    """Stages that `dvc status` calls changed in themselves, not merely through a stage before them."""
    status = json.loads(workspace.run("dvc", "status", "--json"))
    outputs = {out: stage for stage, entry in dvc_yaml.items() for out in entry["outs"]}
    return {
        stage
        for stage, changes in status.items()
        for change in changes
        for name in (change.get("changed deps", {}) if isinstance(change, dict) else {})
        if name not in outputs
    }


def test_no_stage_lets_tensorflow_speak(trained):
    said = trained.repro_errors
    assert re.findall(r"INFO epoch (1/2|2/2)  loss", said) == ["1/2", "2/2"]
    assert re.findall(r".*(?:[IWEF]0000 |absl::|oneDNN|cuInit|rebuild TensorFlow).*", said) == []


def test_the_graph_is_the_six_stages():
    assert tuple(dvc_yaml) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_what_a_stage_imports(stage):
    """Each file that a stage imports lies in one of its deps, and no dep is there for nothing."""
    modules = (f"stages.{stage}.__main__", f"stages.{stage}.stage")
    code = {path for path in closure(*modules, without=NO_DEPS) if has_code(path)}
    listed = {dep for dep in dvc_yaml[stage]["deps"] if dep.startswith(("stages/", "sceneparse/"))}
    holders = {path: {dep for dep in listed if path == dep or path.startswith(f"{dep}/")} for path in code}
    assert [path for path, deps in holders.items() if not deps] == []
    assert listed == set().union(*holders.values())
    files = {path for path in code if path.startswith("sceneparse/params/")}
    assert files == {dep for dep in listed if dep.startswith("sceneparse/params/")}


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_sections_that_a_stage_reads(stage):
    sections = get_annotations(import_module(f"stages.{stage}.stage").Sections)
    assert [*sections] == dvc_yaml[stage]["params"]
    for name, schema in sections.items():
        assert schema is Params.model_fields[name].annotation


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
    assert not list((built.path / "state/train/checkpoints").iterdir()), "finished training leaves no checkpoints"


def test_a_run_leaves_the_remote_alone(built):
    assert not (built.path / "../sceneparse-storage").exists()


def test_nothing_to_do_the_second_time(built):
    assert "Data and pipelines are up to date." in built.run("dvc", "repro")
    assert "Running stage" not in built.run("dvc", "repro")


def test_no_output_names_this_machine(built):
    for folder in ("data/records", "models", "metrics", "report"):
        for path in (built.path / folder).rglob("*"):
            assert not path.is_file() or str(built.path.parent).encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("key", "value", "stages"),
    [
        ("download.demo.seed", 1, {"download"}),
        ("weights.source", "sources/vgg16.yaml", {"weights"}),
        ("prepare.jpeg_quality", 90, {"prepare"}),
        ("model.dropout", 0.25, {"train"}),
        ("train.augment.flip", 0.25, {"train"}),
        ("evaluate.batch_size", 3, {"evaluate"}),
        ("visualize.opacity", 0.5, {"visualize"}),
    ],
)
def test_a_changed_param_affects_its_stage_alone(built, key, value, stages):
    before = built.read("params.yaml")
    try:
        built.set_param(key, value)
        assert affected(built) == stages
    finally:
        (built.path / "params.yaml").write_bytes(before)


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("stages/train/losses.py", {"train"}),
        ("stages/visualize/page/page.html.j2", {"visualize"}),
        ("stages/download/painting/things.py", {"download"}),
        ("sceneparse/dataset/archive.py", {"download", "prepare", "train", "evaluate", "visualize"}),
        ("sceneparse/params/visualize.py", {"visualize"}),
        ("sceneparse/params/train.py", {"train"}),
        ("sceneparse/params/whole.py", set()),
        ("sceneparse/convert/masks.py", set()),
    ],
)
def test_a_changed_source_file_affects_the_stages_that_use_it(built, file, stages):
    before = built.read(file)
    try:
        (built.path / file).write_bytes(before + b"\n")
        assert affected(built) == stages
    finally:
        (built.path / file).write_bytes(before)


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


def test_the_model_can_be_had_from_outside_and_needs_no_code_of_ours(built, tmp_path):
    artifact = definition["artifacts"]["fcn8s"]
    assert artifact["type"] == "model"
    assert artifact["desc"]
    assert artifact["labels"]
    outside(built, tmp_path, "dvc", "get", built.path, artifact["path"])
    built.run("git", "tag", "--annotate", "--message", "first", "fcn8s@v1.0.0")
    outside(built, tmp_path, "dvc", "artifacts", "get", built.path, "fcn8s", "--out", "registered.keras")
    for name in ("fcn8s.keras", "registered.keras"):
        assert (tmp_path / name).read_bytes() == built.read("models/fcn8s.keras")
    script = (
        "import sys\n"
        "sys.modules['sceneparse'] = sys.modules['stages'] = sys.modules['pipeline'] = None\n"  # importing them fails
        "import keras\n"
        "print(keras.saving.load_model('fcn8s.keras').output_shape)\n"
    )
    assert outside(built, tmp_path, "python", "-I", "-c", script).strip() == "(None, None, None, 16)"


def test_the_model_alone_is_enough_to_label_a_picture(built, tmp_path):
    for folder in (built.path, clone := tmp_path / "clone"):
        if folder == clone:
            outside(built, tmp_path, "git", "clone", "--quiet", built.path, clone)
        outside(built, folder, "dvc", "remote", "add", "--local", "--default", "store", tmp_path / "store")
    built.run("dvc", "push", "models/fcn8s.keras")
    outside(built, clone, "dvc", "pull", "models/fcn8s.keras")
    assert [path.name for path in (clone / "models").iterdir()] == ["fcn8s.keras"]
    assert not (clone / "data").exists()

    Image.new("RGB", (50, 30), (90, 120, 200)).save(clone / "picture.jpg")
    shown = outside(built, clone, "python", "-m", "pipeline.cli.main", "predict", "picture.jpg")
    assert "overlay: predictions/picture_overlay.jpg" in shown
    with Image.open(clone / "predictions/picture.png") as labels:
        assert labels.size == (50, 30)
        assert 1 <= labels.getextrema()[0] <= labels.getextrema()[1] <= 16
    assert "predictions" not in outside(built, clone, "git", "status", "--porcelain")


def test_the_same_params_give_the_same_bytes_elsewhere(built, tmp_path):
    again = tiny(Workspace(tmp_path / "elsewhere"))
    again.run("dvc", "repro")
    for name in OUTPUTS:
        assert again.read(name) == built.read(name), name


def test_training_again_changes_nothing_after_it(built):
    """Same inputs, same bytes, so that what depends on the model stays up to date."""
    assert "Running stage 'train'" in built.run("dvc", "repro", "--force", "--single-item", "train")
    assert "Data and pipelines are up to date." in built.run("dvc", "status")


def test_the_papers_path_goes_through_params(built, tmp_path):
    """FCN-32s, then FCN-16s from it: the model to start from is tracked, and takes the place of the weights stage."""
    workspace = built.copy(tmp_path / "project")
    workspace.set_param("model.stride", 32)
    workspace.run("dvc", "repro", "train")
    (workspace.path / "pretrained").mkdir()
    start = workspace.path / START
    shutil.copy(workspace.path / "models/fcn8s.keras", start)
    workspace.run("dvc", "add", "--quiet", str(start))
    workspace.set_param("model.stride", 16)
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
    shutil.copy(built.path / "models/fcn8s.keras", start)  # another model under the same name
    assert "train" in json.loads(workspace.run("dvc", "status", "--json", "train"))


def test_an_experiment_reruns_what_it_changes(built):
    before = json.loads(built.read("models/fcn8s.json"))
    try:
        output = built.run("dvc", "exp", "run", "-S", "train.epochs=1")
        assert "Running stage 'train'" in output
        assert "Stage 'prepare' didn't change, skipping" in output
        assert json.loads(built.read("models/fcn8s.json"))["best"]["epoch"] == 1
        assert "train.epochs" in built.run("dvc", "params", "diff")
    finally:
        built.run("git", "reset", "--hard", "--quiet")
        built.run("dvc", "checkout")
    assert json.loads(built.read("models/fcn8s.json")) == before


def test_a_stage_says_what_goes_in_and_out(built):
    for stage in STAGES:
        shown = built.run("python", "-m", f"stages.{stage}", "--help")
        for flag in re.findall(r"--[a-z-]+", dvc_yaml[stage]["cmd"]):
            assert flag in shown
