"""params.yaml: every bad, unknown or missing key is refused by name, before anything slow is imported."""

import functools
import io
import operator
import re
import subprocess
import sys
from pathlib import Path

import dvc.api
import pytest
from datasets import demo_params
from ruamel.yaml import YAML

from sceneparse.core.errors import InputError
from sceneparse.core.fields import set_leaf, source_text
from sceneparse.params.presets import params_text, preset_params
from sceneparse.params.whole import Params, load_params

MD5, SHA1, SHA256 = "md5:" + 32 * "0", "sha1:" + 40 * "a", "sha256:" + 64 * "f"
REMOVED = object()


def dvc_reads(path):
    """Return the file's values as DVC reads them."""
    (path.parent / ".dvc").mkdir(exist_ok=True)
    (path.parent / ".dvc/config").write_text("[core]\n    no_scm = True\n    analytics = False\n")
    return dvc.api.params_show(str(path), repo=str(path.parent))


@pytest.fixture
def refusal(tmp_path):
    """Load the demo's params with some keys changed or removed, `__` for the dots; return the error."""

    def load(**changes):
        content = Params().model_dump()
        for name, value in changes.items():
            *sections, key = name.split("__")
            if value is REMOVED:
                del functools.reduce(operator.getitem, sections, content)[key]
            else:
                set_leaf(content, name.replace("__", "."), value)
        path = tmp_path / "params.yaml"
        stream = io.StringIO()
        YAML(typ="safe", pure=True).dump(content, stream)
        path.write_text(stream.getvalue())
        with pytest.raises(InputError) as refused:
            load_params(path)
        return refused.value

    return load


def test_equal_params_are_one_in_a_set():
    """Sweeps drop points that come twice; there is a list among the values."""
    assert len({Params(), Params(), preset_params("ade20k")}) == 2


@pytest.mark.parametrize("text", ["0.001", "1e-3", "1E-3", "1.e-3"])
def test_floats_are_read_as_dvc_reads_them(tmp_path, text):
    path = tmp_path / "params.yaml"
    content = params_text("demo")
    assert content.count("learning_rate: 0.002") == 1
    path.write_text(content.replace("learning_rate: 0.002", f"learning_rate: {text}"))
    assert load_params(path).train.learning_rate == 0.001
    assert dvc_reads(path) == load_params(path).model_dump()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train__learning_rate", "1e-3"),  # quoted: a string
        ("train__xla", 0),
        ("train__epochs", True),
        ("train__seed", None),
    ],
)
def test_types_are_not_converted(refusal, key, value):
    assert refusal(**{key: value}).got.startswith(key.replace("__", ".") + ": Input should be a valid")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prepare__size", 250),  # the network needs multiples of 32
        ("model__backbone", "resnet50"),
        ("train__start_from", ""),
        ("train__augment__crop", 100),
        ("evaluate__scales", []),
        ("train__seed", 2**31),
        ("train__learning_rate", float("nan")),
        ("train__clip_norm", float("inf")),
    ],
)
def test_values_out_of_range(refusal, key, value):
    assert re.match(rf"{key.replace('__', '.')}: (Input|String|List) should ", refusal(**{key: value}).got)


def test_a_file_of_another_version(refusal):
    """Its keys that have gone, those that have come, and what to do."""
    gone = {"train__hard_pixels": 1.0, "extras": {"a": 1}}
    error = refusal(**gone, train__epochs=REMOVED, train__augment__crop=REMOVED, evaluate=REMOVED)
    assert error.problem == "the params do not have the keys of this version"
    unknown, missing = error.got.split("; ")
    assert unknown == "unknown keys: extras, train.hard_pixels"
    assert missing == "missing keys: train.epochs (default 12), train.augment.crop (default null), evaluate"
    assert "remove the unknown keys, add the missing ones" in error.next_step
    assert "sceneparse preset" in error.next_step


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"train__hard_pixels": 1.0}, "unknown keys: train.hard_pixels"),
        ({"train__epochs": REMOVED}, "missing keys: train.epochs (default 12)"),
        (
            {"train__epoch": 12, "train__epochs": REMOVED, "train__augment__ema": 0.5},
            "unknown keys: train.augment.ema, train.epoch (did you mean epochs?); "
            "missing keys: train.epochs (default 12)",
        ),
    ],
)
def test_keys_that_went_came_or_are_misspelt(refusal, changes, got):
    error = refusal(**changes)
    assert (error.problem, error.got) == ("the params do not have the keys of this version", got)


def test_all_offenders_at_once(refusal):
    error = refusal(train__epochs="ten", prepare__size=100, model__width=3, visualize__alpha=1, evaluate__flip=REMOVED)
    for part in ("train.epochs", "prepare.size", "model.width", "visualize.alpha", "evaluate.flip", "'ten'", "100"):
        assert part in error.got
    assert error.file.endswith("params.yaml")


@pytest.mark.parametrize("digest", [MD5, SHA1, SHA256])
def test_whole_digests_are_taken(tmp_path, digest):
    path = tmp_path / "params.yaml"
    path.write_text(params_text("demo").replace("digest:   ", f"digest: {digest}  ", 1))
    assert load_params(path).download.digest == digest


@pytest.mark.parametrize(
    "digest",
    [
        SHA256.removeprefix("sha256:"),
        SHA256[:-1],
        SHA256.upper(),
        "sha512:" + 128 * "0",
        MD5 + "\n",
        "md5:",
    ],
)
def test_other_digests_are_not(refusal, digest):
    error = refusal(download__digest=digest, weights__digest=digest)
    assert "download.digest" in error.got
    assert "weights.digest" in error.got
    assert "algorithm:hex" in error.got


@pytest.mark.parametrize("key", ["download__source", "weights__source", "train__start_from"])
@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("https://host/set.zip", "write it into a file such as sources/mine.yaml"),
        ("s3:set.zip", "write it into a file"),  # DVC asks that server
        ("file:///data/set.zip", "write it into a file"),
        ("~/set.zip", "write the whole path"),
        ("a\0b", "cannot hold NUL"),
    ],
)
def test_what_dvc_cannot_watch_is_no_path(refusal, key, value, part):
    error = refusal(**{key: value})
    assert key.replace("__", ".") in error.got
    assert part in error.got


def test_what_used_to_be_words_are_files(refusal):
    error = refusal(download__source="demo", weights__source="none")
    assert "write sources/demo.yaml" in error.got
    assert "write sources/none.yaml" in error.got


@pytest.mark.parametrize(
    "path", ["my set.zip", "-set.zip", "x$(touch X).zip", "a:b.zip", "C#.zip", "./s3:set", "/data/ü"]
)
def test_other_paths_are_taken(path):
    assert demo_params(download={"source": path}).download.source == path


@pytest.mark.parametrize(
    ("path", "text"),
    [("set.zip", "set.zip"), ("/data/x", "/data/x"), ("demo", "./demo"), ("s3:x", "./s3:x"), ("~x", "./~x")],
)
def test_a_path_is_printed_as_it_is_taken(path, text):
    assert source_text(Path(path)) == text


IMAGENET = {"model__width": 1.0, "weights__source": "sources/vgg16.yaml"}
FEATURES = {"model__skips": "features", "model__upsampling": "learned"}


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"weights__source": "sources/vgg16.yaml", "weights__digest": MD5}, "leave digest empty: sources/vgg16.yaml"),
        ({"train__augment__scale_min": 1.5, "train__augment__scale_max": 1.2}, "scale_min 1.5 is above scale_max 1.2"),
        (
            {"train__augment__first_crop": 160, "train__augment__crop": 128},
            "first_crop 160 is above the last epochs' window, 128 pixels",
        ),
        ({"train__augment__first_crop": 288}, "first_crop 288 is above the last epochs' window, 256 pixels"),
        (
            IMAGENET | {"model__width": 0.5},
            "model.width 0.5 has no ImageNet weights: set model.width to 1.0, or weights",
        ),
        (IMAGENET | {"model__head_channels": 1024}, "4096 channels, not 1024"),
        (IMAGENET | {"model__head_channels": 1024}, "weights.source to sources/vgg16_notop.yaml"),
        (
            IMAGENET | {"model__backbone": "vgg19"},
            "sources/vgg16.yaml does not fit model.backbone vgg19: set model.backbone",
        ),
        (
            IMAGENET | {"model__backbone": "vgg19", "weights__source": "sources/vgg16_notop.yaml"},
            "sources/vgg16_notop.yaml does not fit model.backbone vgg19: set model.backbone to vgg16, or",
        ),
        (IMAGENET | {"model__normalization": "batch"}, "ImageNet's VGG has no normalization"),
        (FEATURES | {"model__upsampling": "bilinear"}, "skips features needs upsampling learned and stride 8"),
        (FEATURES | {"model__stride": 16}, "skips features needs upsampling learned and stride 8"),
    ],
)
def test_values_that_do_not_go_together(refusal, changes, got):
    assert got in refusal(**changes).got


@pytest.mark.parametrize("source", ["sources/vgg16_notop.yaml", "/data/vgg16.h5", "sources/mirror.yaml"])
def test_the_head_is_free_where_the_weights_may_not_have_it(source, refusal):
    model = {"width": 1.0, "head_channels": 512}
    assert demo_params(weights={"source": source}, model=model).model.head_channels == 512
    assert "model.width 0.5 has no ImageNet weights" in refusal(weights__source=source, model__width=0.5).got


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "the params file is missing"),
        ("train: [1, 2", "the params file cannot be read"),
        ("train: {}\ntrain: {}\n", "the params file cannot be read"),  # a key twice
        (b"train: \xff", "the params file cannot be read"),
        ("", "the params do not have the keys of this version"),
        ("- 1\n", "the params file has no sections"),
    ],
)
def test_what_is_no_params_file(tmp_path, content, problem):
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as refused:
        load_params(path)
    assert (refused.value.problem, refused.value.file) == (problem, str(path))
    assert "sceneparse preset" in refused.value.next_step


# Runs a stage as `python -m` does, and tells at its end what has been imported.
STAGE = """
import atexit, runpy, sys
atexit.register(lambda: print("imported:", sorted({"tensorflow", "keras"} & set(sys.modules)), file=sys.stderr))
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run_train(root, *flags):
    command = [sys.executable, "-c", STAGE, "stages.train", *flags]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_help_imports_no_tensorflow(root):
    done = run_train(root, "--help")
    assert done.returncode == 0
    assert "--records PATH" in done.stdout
    assert "dvc repro --single-item train" in done.stdout
    assert done.stderr.splitlines()[-1] == "imported: []"


def test_bad_params_are_refused_before_tensorflow_is_imported(root, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(params_text("demo").replace("epochs: 12", "epochs: twelve"))
    flags = [f"--{name}={tmp_path / name}" for name in ("records", "model", "card", "curves", "state")]
    done = run_train(root, *flags, f"--params={path}")
    assert done.returncode == 1
    assert "train.epochs" in done.stderr
    assert "'twelve'" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == "imported: []"
    assert [file.name for file in tmp_path.iterdir()] == ["params.yaml"]
    assert "Traceback" in run_train(root, *flags, f"--params={path}", "--debug").stderr
