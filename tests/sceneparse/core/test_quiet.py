"""TensorFlow's own lines: hidden while it loads; shown if it fails or lacks a requested GPU, and with --debug."""

import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from small_model import save_small_model

NOISE = "E0000 00:00:1795920607.408343 9396 cuda_platform.cc:52] failed call to cuInit"
NOISY = f"os.write(2, {(NOISE + chr(10)).encode()!r})"
LOAD = (
    "from sceneparse.core.tensorflow_loading import load_tensorflow; load_tensorflow(); import os; os.write(2, b'ours')"
)
GPU = "class config:\n    list_physical_devices = staticmethod(lambda kind: [kind])\n"
NO_GPU = GPU.replace("[kind]", "[]")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def python(root, tmp_path):
    """Run Python with our own tensorflow.py, which prints as C++ does and then runs `then`."""

    def run(*arguments, then=NO_GPU, **environment):
        (tmp_path / "tensorflow.py").write_text(f"import os\ntry:\n    {NOISY}\nexcept OSError:\n    pass\n{then}")
        return subprocess.run(
            [sys.executable, "-W", "error", *map(str, arguments)],
            env=plain_environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{root}", **environment),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def plain_environment(**more):
    """A user's environment, without the variables of this test run."""
    hidden = ("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES")
    return {**{name: value for name, value in os.environ.items() if name not in hidden}, **more}


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, False),
        ({"CUDA_VISIBLE_DEVICES": ""}, False),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, False),
        ({"CUDA_VISIBLE_DEVICES": "0"}, True),
        ({"CUDA_VISIBLE_DEVICES": "GPU-8932f937"}, True),
        ({"TF_CPP_MIN_LOG_LEVEL": "0"}, True),
        ({"TF_CPP_MIN_LOG_LEVEL": "3"}, False),
    ],
)
def test_it_is_held_unless_it_was_asked_for(python, environment, shown):
    done = python("-c", LOAD, **environment)
    assert done.returncode == 0, done.stderr
    assert (NOISE in done.stderr) == shown
    assert done.stderr.endswith("ours")
    assert ("a GPU was requested" in done.stderr) == (environment.get("CUDA_VISIBLE_DEVICES", "-1") not in ("", "-1"))
    assert shown or done.stderr == "ours"


def test_a_gpu_that_was_asked_for(python, tmp_path):
    """If it is there no words are needed; NVIDIA's libraries ask for one."""
    done = python("-c", LOAD, then=GPU, CUDA_VISIBLE_DEVICES="0")
    assert (done.returncode, done.stderr) == (0, "ours")
    (tmp_path / "nvidia/cuda_runtime").mkdir(parents=True)
    assert NOISE in python("-c", LOAD).stderr


@pytest.mark.parametrize(
    ("then", "status", "told"),
    [
        ("raise ImportError('libcudart.so is broken')", 1, "ImportError: libcudart.so is broken"),
        ("os.abort()", -signal.SIGABRT, ""),  # what it does without the processor's instructions that it needs
        ("os._exit(3)", 3, ""),
    ],
)
def test_it_is_shown_where_tensorflow_does_not_load(python, then, status, told):
    done = python("-c", LOAD, then=then)
    assert done.returncode == status
    assert NOISE in done.stderr
    assert told in done.stderr


def test_ctrl_c_meanwhile_is_no_failure_and_gives_standard_error_back(python):
    caught = f"try:\n    {LOAD}\nexcept KeyboardInterrupt:\n    os.write(2, b'stopped')"
    done = python("-c", f"import os\n{caught}", then="raise KeyboardInterrupt")
    assert (done.returncode, done.stderr) == (0, "stopped")


def test_without_a_standard_error_it_loads_too(python):
    script = f"exec {sys.executable} -c '{LOAD.partition('; import os')[0]}; print(1)' 2>&-"
    done = python("-c", f"import subprocess; subprocess.run(['sh', '-c', {script!r}], check=True)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_commands_show_it_with_debug_or_when_it_fails(python, model):
    Image.new("RGB", (8, 8)).save(model.parent / "small.png")
    command = ["-m", "pipeline.cli.main", "predict", model.parent / "small.png", "--model", model]
    failing = python(*command, then="raise ImportError('libcudart.so is broken')")
    assert (failing.returncode, failing.stdout) == (1, "")
    assert failing.stderr.startswith(NOISE)
    assert "error: ImportError: libcudart.so is broken" in failing.stderr
    # The model then fails to load, as this is no TensorFlow; by then the lines have been shown, or not.
    assert NOISE in python(*command, "--debug").stderr
    assert NOISE not in python(*command).stderr


@pytest.mark.slow
def test_predict_prints_its_own_lines_alone_and_reads_standard_input(model, root, tmp_path):
    """The real TensorFlow, on a machine without a GPU."""
    picture = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)).save(picture, "PNG")
    (tmp_path / "a.png").write_bytes(picture.getvalue())
    command = [sys.executable, "-m", "pipeline.cli.main", "predict", "-", "a.png", "--model", model, "--json"]
    done = subprocess.run(
        command,
        input=picture.getvalue(),
        env=plain_environment(PYTHONPATH=str(root), CUDA_VISIBLE_DEVICES="-1"),
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    piped, named = json.loads(done.stdout)["pictures"]
    assert (piped["input"], piped["labels"]) == ("-", "predictions/stdin.png")
    assert (piped["width"], piped["height"], piped["shares"]) == (60, 40, named["shares"])
    labels = [(tmp_path / found["labels"]).read_bytes() for found in (piped, named)]
    assert labels[0] == labels[1], "as the same picture's, named as a file"
