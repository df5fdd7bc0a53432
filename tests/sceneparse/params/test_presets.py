"""Presets: whole, commented params files, and the command that writes them."""

import os
import re
from typing import get_args

import pytest
from ruamel.yaml import YAML

from pipeline.cli.main import make_parser
from sceneparse.core.errors import InputError
from sceneparse.core.fields import Section, leaves
from sceneparse.params import presets
from sceneparse.params.presets import params_text, preset, preset_names, preset_params
from sceneparse.params.whole import Params, load_params


def fields(section, above=""):
    """Return description and type of all keys by dotted name, sections included: theirs is the docstring."""
    every = {}
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            every[above + name] = field.annotation.__doc__, field.annotation
            every |= fields(field.annotation, f"{above}{name}.")
        else:
            every[above + name] = field.description, field.annotation
    return every


def comments(text):
    """Return the comment at the end of each key's line, by dotted name."""
    keys, every = {}, {}
    for line in text.splitlines():
        if match := re.fullmatch(r"( *)(\w+):.*?  # (.*)", line):
            keys[len(match[1])] = match[2]
            every[".".join(keys[indent] for indent in sorted(keys) if indent <= len(match[1]))] = match[3]
    return every


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_whole_and_commented_by_the_schema(name, tmp_path):
    text = params_text(name)
    (tmp_path / "params.yaml").write_text(text)
    assert load_params(tmp_path / "params.yaml") == preset_params(name)
    assert comments(text) == {key: description for key, (description, _) in fields(Params).items()}
    assert [line for line in text.splitlines() if len(line) > 120] == []


def test_params_yaml_is_the_demo(root):
    assert (root / "params.yaml").read_text() == params_text("demo")


def test_every_choice_is_named_where_its_key_is_described():
    choices = {
        key: [value for value in get_args(annotation) if isinstance(value, str)]
        for key, (_, annotation) in fields(Params).items()
    }
    assert choices["prepare.mode"] == ["squash", "crop", "letterbox"]
    described = {key: description for key, (description, _) in fields(Params).items()}
    assert [(key, value) for key, values in choices.items() for value in values if value not in described[key]] == []


def test_defaults_are_valid():
    """Pydantic does not look at them by itself."""
    assert Params.model_validate(Params().model_dump()) == Params()


@pytest.mark.parametrize("name", [name for name in preset_names() if name != "demo"])
def test_a_preset_is_only_what_differs(root, name):
    path = root / f"presets/{name}.yaml"
    changes, defaults = leaves(YAML(typ="safe", pure=True).load(path)), leaves(Params().model_dump())
    assert [key for key, value in changes.items() if value == defaults[key]] == []
    assert path.read_text().startswith(f"# Preset {name}: ")
    assert params_text(name).splitlines()[1].startswith(f"# Preset {name}: ")


def test_the_command_writes_a_preset_and_the_demo_again(tmp_path, capsys):
    path, before = tmp_path / "trial.yaml", tmp_path / "before.yaml"
    path.write_text(params_text("demo").replace("epochs: 12", "epochs: 13").replace("digest: ", "digest: md5:x", 1))
    os.link(path, before)
    text = path.read_text()
    flags = vars(make_parser().parse_args(["preset", "ade20k", "--params", str(path)]))
    assert flags["run"] == "sceneparse.params.presets:preset"
    preset(flags["name"], flags["params"])
    printed = capsys.readouterr().out.splitlines()
    assert before.read_text() == text, "a new file in its place, not the old one written over"
    assert load_params(path) == preset_params("ade20k")
    assert path.read_text() == params_text("ade20k")
    changes = leaves(YAML(typ="safe", pure=True).load(presets.FOLDER / "ade20k.yaml"))
    assert {line.split(": ")[0] for line in printed[:-1]} == {*changes, "download.digest"}
    assert "train.epochs: 13 -> 40" in printed
    assert "train.precision: float32 -> mixed_bfloat16" in printed
    assert "download.digest: md5:x -> null" in printed
    assert printed[-1] == f"{path}: preset ade20k, {len(changes) + 1} values changed"
    preset("demo", path)
    assert path.read_text() == params_text("demo")
    capsys.readouterr()
    preset("demo", path)
    assert capsys.readouterr().out == f"{path}: preset demo, 0 values changed\n"
    assert sorted(tmp_path.iterdir()) == [before, path]


def test_a_new_file(tmp_path, capsys):
    preset("scratch", tmp_path / "params.yaml")
    assert load_params(tmp_path / "params.yaml") == preset_params("scratch")
    assert capsys.readouterr().out == f"{tmp_path / 'params.yaml'}: new, preset scratch\n"


def test_a_file_of_another_version_is_brought_up_to_date(tmp_path, capsys):
    path = tmp_path / "params.yaml"
    path.write_text(params_text("demo").replace("  epochs: 12 ", "  hard_pixels: 0.5 "))
    preset("demo", path)
    assert capsys.readouterr().out.splitlines() == [
        "train.hard_pixels: 0.5 -> (no such key)",
        "train.epochs: (no such key) -> 12",
        f"{path}: preset demo, 2 values changed",
    ]
    assert load_params(path) == Params()


def test_a_file_that_cannot_be_read_stays(tmp_path):
    """A file that is not YAML is not replaced: its values could not be printed."""
    path = tmp_path / "params.yaml"
    path.write_text("<<<<<<< HEAD\ntrain:\n")
    with pytest.raises(InputError) as refused:
        preset("demo", path)
    assert refused.value.problem == "the params file cannot be read"
    assert "remove the file" in refused.value.next_step
    assert path.read_text() == "<<<<<<< HEAD\ntrain:\n"


def test_an_unknown_name(tmp_path):
    with pytest.raises(InputError) as refused:
        preset("ade2k", tmp_path / "params.yaml")
    assert refused.value.problem == "there is no such preset"
    assert refused.value.expected == ", ".join(preset_names())
    assert refused.value.got == "ade2k, did you mean ade20k?"
    assert list(tmp_path.iterdir()) == []


def test_presets_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "FOLDER", tmp_path)
    (tmp_path / "mine.yaml").write_text(
        "download: {source: 'my #set: 1.zip'}\ntrain: {learning_rate: 1e-5, augment: {flip: 0}}\n"
        "evaluate: {scales: [0.75, 1]}\n"
    )
    assert preset_names() == ["demo", "mine"]
    preset("mine", tmp_path / "params.yaml")
    params = load_params(tmp_path / "params.yaml")
    assert params == preset_params("mine")
    assert params.download.source == "my #set: 1.zip"
    assert (params.train.learning_rate, params.evaluate.scales) == (1e-5, [0.75, 1.0])
    assert "  learning_rate: 0.00001  " in (tmp_path / "params.yaml").read_text(), "other readers take 1e-05 for text"


@pytest.mark.parametrize(
    ("content", "got"), [("train: {epoch: 3}\n", "unknown keys: train.epoch"), ("train: {epochs: 0}\n", "train.epochs")]
)
def test_a_preset_that_is_wrong_is_named(tmp_path, monkeypatch, content, got):
    monkeypatch.setattr(presets, "FOLDER", tmp_path)
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(InputError) as refused:
        preset("mine", tmp_path / "params.yaml")
    assert got in refused.value.got
    assert refused.value.file == str(tmp_path / "mine.yaml")
    assert not (tmp_path / "params.yaml").exists()
