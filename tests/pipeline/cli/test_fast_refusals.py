"""Refusals before TensorFlow, DVC or Prefect load, with the closest known name.

The modules that are slow to import are replaced by some that cannot be imported: a refusal that needs them fails.
"""

import os
import pty
import subprocess
import sys

import pytest

SLOW = ("tensorflow", "keras", "prefect", "dvc")


@pytest.fixture
def sceneparse(root, tmp_path):
    """Run the command in a folder without those modules; returns its exit status and standard error."""
    poison = tmp_path / "poison"
    poison.mkdir()
    for name in SLOW:
        (poison / f"{name}.py").write_text(f"raise RuntimeError('{name} was imported')")

    def run(*arguments, cwd=tmp_path, stdin=subprocess.DEVNULL):
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli.main", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": f"{poison}{os.pathsep}{root}"},
            cwd=cwd,
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == ""
        assert "was imported" not in done.stderr
        return done.returncode, done.stderr

    return run


@pytest.fixture
def models(tmp_path):
    """A model with a name close to the default, and a picture."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/fcn8s-large.keras").touch()
    (tmp_path / "street.jpg").touch()


@pytest.mark.parametrize(
    "words", [["predict", "street.jpg"], ["web"], ["export", "--format", "savedmodel", "--pictures", "photos"]]
)
def test_a_model_that_is_not_there(sceneparse, models, tmp_path, words, root):
    (tmp_path / "photos").mkdir()
    picture = root / "docs/images/result.jpg"
    (tmp_path / "photos/a.jpg").write_bytes(picture.read_bytes())
    for flags in ([], ["--model", "models/fcn8s-lage.keras"], ["--model", "model/fcn8s-large.keras"]):
        status, said = sceneparse(*words, *flags)
        assert status == 1
        assert "error: there is no model" in said
        assert f"file:     {(flags or ['', 'models/fcn8s.keras'])[1]}\n" in said
        assert "did you mean models/fcn8s-large.keras?" in said


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["predict", "street.jpg", "--model", "models/fcn8s-large.keras"], ["error: the model file is damaged"]),
        (["web", "--model", "models/fcn8s-large.keras"], ["error: the model file is damaged"]),
        (["predict", "streat.jpg"], ["error: the picture cannot be read", "did you mean street.jpg?"]),
        (["predict", "-"], ["got:      nothing\n", "sceneparse predict - < street.jpg"]),
    ],
)
def test_a_file_that_cannot_be_used(sceneparse, models, words, parts):
    status, said = sceneparse(*words)
    assert status == 1
    assert all(part in said for part in parts)


@pytest.mark.parametrize(
    ("words", "problem", "meant"),
    [
        (["prdict", "a.jpg"], "sceneparse: error: argument COMMAND: invalid choice: 'prdict'", "predict"),
        (["predict", "a.jpg", "--modle", "x"], "predict: error: unrecognized arguments: --modle x", "--model"),
        (["predict", "a.jpg", "--bath=3"], "predict: error: unrecognized arguments: --bath=3", "--batch"),
        (["--debgu", "run"], "sceneparse: error: unrecognized arguments: --debgu", "--debug"),
        (["export", "--format", "onxx"], "export: error: argument --format: invalid choice: 'onxx'", "onnx"),
        (["xyzzy"], "sceneparse: error: argument COMMAND: invalid choice: 'xyzzy'", None),
        (["web", "--palette", "colorblind"], "web: error: argument --palette: invalid choice", "colour_blind"),
    ],
)
def test_a_word_that_is_nearly_one(sceneparse, words, problem, meant):
    status, said = sceneparse(*words)
    assert status == 2
    assert problem in said
    assert said.endswith(f", did you mean {meant}?\n" if meant else ")\n")


@pytest.mark.parametrize(
    "name", ["", " ", "'", "..", "team/nightly", "R&D", "<x>", "50%", "night#2", "night?", "a\nb", "nightly.py"]
)
def test_a_name_that_prefect_does_not_take(sceneparse, root, name):
    status, said = sceneparse("serve", f"--name={name}", cwd=root)
    assert status == 2
    assert "serve: error: argument --name: expected a name without / % & < > ? #" in said


@pytest.mark.parametrize(
    "address",
    [
        "chat.example.org/hook",
        "localhost:8080/hook",
        "ftp://chat.example.org/hook",
        "https:chat.example.org",
        "https:///hook",
        "https://chat.example.org:99999/hook",
        "https://chat..example.org/hook",
        "https://[::1/hook",
        "https://chat example.org/hook",
        "",
    ],
)
def test_an_address_that_cannot_be_called(sceneparse, root, address):
    status, said = sceneparse("notify", address, cwd=root)
    assert status == 2
    assert "notify: error: argument url: expected http:// or https:// and a host" in said


@pytest.mark.parametrize("command", ["run", "serve"])
def test_a_stage_that_is_none(sceneparse, root, command):
    for cwd in (root, root / "stages"):
        status, said = sceneparse(command, "--stage", "evalute", cwd=cwd)
        assert status == 1
        assert "error: there is no such stage" in said
        assert "got:      evalute, did you mean evaluate?\n" in said
        assert f"file:     {root / 'dvc.yaml'}\n" in said


@pytest.mark.parametrize("words", [["run"], ["serve"], ["verify"], ["compare"], ["sweep", "train.epochs=1,2"]])
def test_a_folder_outside_of_any_project(sceneparse, words):
    status, said = sceneparse(*words)
    assert status == 1
    assert said.startswith("error: this is no DVC repository\n")


def test_a_terminal_has_no_picture(sceneparse):
    owner, terminal = pty.openpty()
    status, said = sceneparse("predict", "-", stdin=terminal)
    os.close(owner)
    os.close(terminal)
    assert status == 1
    assert "got:      a terminal\n" in said
