"""The sceneparse command, as a process of its own."""

import argparse
import importlib
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from pipeline.cli.main import main, make_parser
from sceneparse.core.fields import Palette, Positive, Scale
from sceneparse.dataset.photos import HUGE

NAMES = [f"thing {number}" for number in range(1, 151)]
SECTION = {
    "pixel_accuracy": 0.75,
    "mean_accuracy": 0.5,
    "mean_iou": 0.25,
    "mean_iou_absent_as_zero": 0.125,
    "frequency_weighted_iou": None,
    "benchmark_score": 0.4375,
}


@pytest.fixture
def sceneparse(root, tmp_path):
    """Run the command in an empty folder."""

    def run(*arguments):
        command = [sys.executable, "-W", "error", "-m", "pipeline.cli.main", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def interrupts():
    """Restore the handler of Ctrl-C after the test."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_command_is_needed(capsys):
    with pytest.raises(SystemExit) as refused:
        make_parser().parse_args([])
    assert refused.value.code == 2
    assert "required: COMMAND" in capsys.readouterr().err


def test_an_interrupt_that_a_library_makes_another_error_of(monkeypatch, interrupts):
    """TensorFlow does so during its import."""

    def results(**_):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise SystemError("returned a result with an exception set") from None

    monkeypatch.setattr("pipeline.cli.scores.results", results)
    monkeypatch.setattr(sys, "argv", ["sceneparse", "results"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130


def test_flags_take_what_params_and_decoders_take():
    """The ranges stand in two places, because importing the params would slow every --help."""

    def refused(*words):
        with pytest.raises(SystemExit):
            make_parser().parse_args(words)

    def taken(*words):
        return make_parser().parse_args(words)

    for palette in get_args(Palette):
        assert taken("predict", "a.jpg", "--palette", palette).palette == palette
    for scale in (0.24, 0.25, 4.0, 4.01):
        try:
            TypeAdapter(Scale).validate_python(scale)
            assert taken("predict", "a.jpg", "--scales", str(scale)).scales == [scale]
        except ValidationError:
            refused("predict", "a.jpg", "--scales", str(scale))
    for count in (0, 1, 1_000_000, 1_000_001):
        try:
            TypeAdapter(Positive).validate_python(count)
            assert taken("init", "set.zip", "--epochs", str(count)).epochs == count
        except ValidationError:
            refused("init", "set.zip", "--epochs", str(count))
    most = HUGE // 10**6
    assert taken("web", "--max-megapixels", str(most)).max_megapixels == most
    refused("web", "--max-megapixels", str(most + 1))
    for name in ("every night", "nightly-2.0", "Zürich"):
        assert taken("serve", "--name", name).name == name
    for address in ("http://127.0.0.1:8080/hook", "HTTPS://user:word@Chat.example.org/a?b=%20", "http://[::1]/"):
        assert taken("notify", address).url == address


@pytest.fixture
def sample(tmp_path):
    """Perfect predictions of 15 of 150 classes on three pictures, and the arguments to score them."""
    for number in range(3):
        values = (np.arange(5, dtype=np.uint8) + 1 + 5 * number).repeat(12).reshape(6, 10)
        for folder in ("annotations", "predictions"):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(values).save(tmp_path / folder / f"{number}.png")
    rows = (f"{number}\t{name}, another name" for number, name in enumerate(NAMES, start=1))
    (tmp_path / "classes.txt").write_text("\n".join(["Idx\tName", *rows]))
    return ["score", tmp_path / "annotations", tmp_path / "predictions", "--classes", tmp_path / "classes.txt"]


def test_scores_as_tables(sceneparse, sample):
    done = sceneparse(*sample)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no progress bar without a terminal"
    lines = done.stdout.splitlines()
    assert lines[:7] == [
        "score                     value",
        "pixel_accuracy           1.0000",
        "mean_accuracy            1.0000",
        "mean_iou                 1.0000",
        "mean_iou_absent_as_zero  0.1000",
        "frequency_weighted_iou   1.0000",
        "benchmark_score          0.5500",
    ]
    table = [line.split() for line in lines[8:]]
    assert table[0] == ["class_id", "name", "iou", "accuracy", "labelled_pixels", "predicted_pixels"]
    assert table[1] == ["1", "thing", "1", "1.0000", "1.0000", "12", "12"]
    assert table[150] == ["150", "thing", "150", "-", "-", "0", "0"]
    assert len({len(line) for line in lines[8:]}) == 1, "columns are aligned"


def test_scores_as_json(sceneparse, sample):
    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads(sceneparse(*sample, "--json").stdout, parse_constant=refuse)
    assert content["scores"]["mean_iou_absent_as_zero"] == pytest.approx(0.1)
    assert [row["name"] for row in content["per_class"]] == NAMES
    assert content["per_class"][149] == {
        "class_id": 150,
        "name": "thing 150",
        "iou": None,
        "accuracy": None,
        "labelled_pixels": 0,
        "predicted_pixels": 0,
    }


def test_bad_input_is_refused_without_a_traceback(sceneparse, sample, tmp_path):
    (tmp_path / "predictions/1.png").unlink()
    done = sceneparse(*sample)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "1: no prediction" in done.stderr
    assert "Traceback" not in done.stderr


def test_results(sceneparse, tmp_path):
    (tmp_path / "metrics").mkdir()
    (tmp_path / "report").mkdir()
    resized = {**SECTION, "mean_iou": 0.5}
    (tmp_path / "metrics/evaluate.json").write_text(json.dumps({"original": SECTION, "resized": resized}))
    assert "does not exist yet" in sceneparse("results").stdout
    (tmp_path / "report/index.html").touch()
    done = sceneparse("results")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "score                    original  resized",
        "pixel_accuracy             0.7500   0.7500",
        "mean_accuracy              0.5000   0.5000",
        "mean_iou                   0.2500   0.5000",
        "mean_iou_absent_as_zero    0.1250   0.1250",
        "frequency_weighted_iou          -        -",
        "benchmark_score            0.4375   0.4375",
        "",
        f"report: {tmp_path / 'report/index.html'}",
    ]


def test_nothing_slow_is_imported(root):
    """Only what computes imports TensorFlow, which takes seconds, and only a flow that starts imports Prefect."""
    code = (
        "import sys, pipeline.cli.main\n"
        "import pipeline.cli.scores, pipeline.flow.run, pipeline.flow.serve\n"
        "assert not {'numpy', 'pandas', 'tensorflow', 'prefect', 'dvc'} & sys.modules.keys()\n"
        "import sceneparse.scores.folders, stages.visualize.report, stages.visualize.stage\n"
        "assert not {'pandas', 'tensorflow', 'keras'} & sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def subcommands():
    (action,) = (action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction))
    return action.choices


@pytest.mark.parametrize("name", subcommands())
def test_examples_of_the_help_are_valid(name):
    """Each example parses, and its function takes exactly its flags."""
    _, _, epilog = subcommands()[name].epilog.partition("examples:\n")
    examples = epilog.partition("\n\n")[0].splitlines()
    assert examples
    for example in examples:
        program, *arguments = shlex.split(re.split(" (?:>>?|<) ", example)[0])
        assert program == "sceneparse"
        flags = vars(make_parser().parse_args(arguments))
        module, function = flags.pop("run").split(":")
        flags.pop("debug")
        inspect.signature(getattr(importlib.import_module(module), function)).bind(**flags)


@pytest.mark.parametrize("arguments", [("--debug", "results"), ("results", "--debug")])
def test_debug_shows_where_an_error_comes_from(sceneparse, arguments):
    done = sceneparse(*arguments)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "there are no results to show" in done.stderr


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{}['key']", "KeyError: 'key'"),
        # A failed encoder breaks a pipe: its writer gets the error, and no signal ends the process.
        (
            "reader, writer = os.pipe(); os.close(reader); os.write(writer, b'frame')",
            "BrokenPipeError: [Errno 32] Broken pipe",
        ),
    ],
)
def test_a_defect_is_called_one(root, body, said):
    """The message has no traceback, but names the flag that shows it."""
    code = f"import os\nfrom pipeline.cli import main, scores\ndef results(**_): {body}\n"
    command = [sys.executable, "-c", f"{code}scores.results = results\nmain.main()", "results"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {said}\nThis is a defect: --debug shows where, please report it.\n"


@pytest.mark.parametrize("arguments", [("completion", "bash"), ("--debug", "completion", "zsh")])
def test_where_nobody_reads_it_ends_quietly(root, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pipeline.cli.main", *arguments]
    done = subprocess.run(command, cwd=root, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ru"], {"run"}),
        (["run", "--ov"], {"--overlap"}),
        (["results", "--metrics", "sc"], {"scores.json"}),
        (["predict", "sc"], {"scores.json"}),
    ],
)
def test_bash_completes(sceneparse, tmp_path, words, expected):
    """Bash calls the function when a user presses Tab after the last word."""
    (tmp_path / "completion").write_text(sceneparse("completion", "bash").stdout)
    (tmp_path / "scores.json").touch()
    line = " ".join(["sceneparse", *words])
    script = (
        f"source completion; COMP_WORDS=({line}); COMP_CWORD={len(words)}; COMP_LINE='{line}'; COMP_POINT={len(line)}\n"
        f"_shtab_sceneparse sceneparse {words[-1]} x; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert {word.strip() for word in done.stdout.splitlines()} == expected
