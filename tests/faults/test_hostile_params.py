"""Params, presets and source files that are too large, too deep or too long: refused in a few lines, at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.experiments.grid import read_grid
from pipeline.repro.project_files import broken_file
from sceneparse.core.documents import MOST_BYTES, parse_json, parse_yaml
from sceneparse.core.errors import InputError
from sceneparse.core.fields import Section
from sceneparse.fetch.source_files import Drawn, Fetched, read_source
from sceneparse.params.presets import params_text, preset
from sceneparse.params.whole import Params, load_params
from stages.train.cluster import read_cluster

LINES, WIDTH = 8, 3000  # most of a refusal on a terminal

LAUGHS = "&a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"
FILL = "".join(f"\n  - &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9))
NESTED = "".join(f"\n  - &a{level} [*a{level - 1}]" for level in range(1, 99))
BOMB = f"\n  - {LAUGHS}{FILL}"


def with_epochs(text):
    """The demo's params file with other text in place of the number of epochs."""
    before = params_text("demo")
    assert before.count("epochs: 12 ") == 1
    return before.replace("epochs: 12 ", f"epochs: {text} ")


def refused(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    printed = str(caught.value).splitlines()
    assert len(printed) <= LINES
    assert max(map(len, printed)) <= WIDTH
    return caught.value


YAML_TEXTS = {  # what stands in place of a value -> a part of what the refusal says
    "billion laughs": (BOMB, "aliases that make it more than 131,072 characters"),
    "inside itself": ("&a [*a]", "aliases that make it more than"),
    "deep": ("[" * 100, "more than 32 levels"),
    "deep by aliases": (f"\n  - &a0 [x]{NESTED}", "or 32 levels"),
    "5,000 digits": ("9" * 5000, ": a number of 5,000 characters"),
    "5,000 hexadecimal digits": ("0x" + "f" * 5000, "a number of 5,002 characters"),
    "5,000 decimals": ("0." + "0" * 5000 + "1", "a number of 5,003 characters"),
    "no number": ("!!int abc", "invalid literal for int()"),
    "no truth": ("!!bool abc", "KeyError"),
    "no date": ("2000-99-99", "month must be in 1..12"),
    "nothing of a number": ("!!float ''", "IndexError"),
    "code": ("!!python/object/apply:os.system [ls]", "could not determine a constructor"),
    "NUL": ("a\0b", "unacceptable character"),
    "a list for a key": ("\n    ? [a, b]\n    : 3", "a key that is no text"),
    "long": ("x" * MOST_BYTES, f"more than {MOST_BYTES:,} bytes"),
}


@pytest.mark.parametrize("name", YAML_TEXTS)
def test_texts_that_are_not_read(tmp_path, name):
    text, got = YAML_TEXTS[name]
    path = tmp_path / "params.yaml"
    path.write_text(with_epochs(text))
    error = refused(load_params, path)
    assert (error.problem, error.file) == ("the params file cannot be read", str(path))
    assert got in error.got
    assert "\n" not in error.got

    source = tmp_path / "mine.yaml"
    source.write_text(f"url: {text}\n")
    error = refused(read_source, str(source), Drawn, Fetched)
    assert (error.problem, error.file) == ("cannot use the source file", str(source))


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("1" + "0" * 30, "train.epochs: Input should be less than or equal to 1000000 (found 1000"),
        ("0x" + "f" * 300, "train.epochs: Input should be less than or equal to 1000000"),
        ("x" * 50_000, "(found 'xxxx"),
        ("[[[[[1]]]]]", "(found [[[[[1]]]]])"),
        (str([*range(3_000)]), "(found [0, 1, 2"),
        ("'\\uD800'", "train.epochs: Input should be a valid integer"),
    ],
    ids=["31 digits", "hexadecimal", "text", "lists", "a long list", "half a character"],
)
def test_values_that_are_refused_are_shortened(tmp_path, text, got):
    path = tmp_path / "params.yaml"
    path.write_text(with_epochs(text))
    error = refused(load_params, path)
    assert error.problem == "the params are not valid"
    assert got in error.got


def test_thousands_of_keys_and_of_faults_are_counted(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(params_text("demo") + "".join(f"key{number}: 1\n" for number in range(1000)))
    error = refused(load_params, path)
    assert error.got.startswith("unknown keys: key0, key1, ")
    assert "and 980 more" in error.got
    path.write_text(f"{'k' * 1000}: 1\n")
    assert "kkk…kkk" in refused(load_params, path).got
    source = tmp_path / "mine.yaml"
    source.write_text("".join(f"key{number}: 1\n" for number in range(1000)))
    assert "and 980 more" in refused(read_source, str(source), Drawn).got


def test_a_params_file_without_an_end_or_that_is_a_folder(tmp_path):
    assert "more than 65,536 bytes" in refused(load_params, Path("/dev/zero")).got
    assert "directory" in refused(load_params, tmp_path).got
    (tmp_path / "params.yaml").write_text(params_text("demo"), encoding="utf-16")  # DVC does not read it either
    assert "codec can't decode" in refused(load_params, tmp_path / "params.yaml").got
    (tmp_path / "params.yaml").write_text(params_text("demo"), encoding="utf-8-sig")
    assert load_params(tmp_path / "params.yaml") == Params()


def test_a_preset_replaces_long_values_and_prints_their_ends(tmp_path, capsys):
    path = tmp_path / "params.yaml"
    path.write_text(with_epochs("x" * 50_000) + f"{'k' * 1000}: [[2000-01-01]]\n")
    preset("demo", path)
    assert max(map(len, capsys.readouterr().out.splitlines())) < 300
    assert load_params(path) == Params()


def test_aliases_and_merges_within_bounds_are_read(tmp_path):
    path = tmp_path / "params.yaml"
    text = params_text("demo").replace(" crop: ", " crop: &side 128 ").replace("first_crop: ", "first_crop: *side ")
    path.write_text(text)
    augment = load_params(path).train.augment
    assert (augment.crop, augment.first_crop) == (128, 128)
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a, y: 2}\n") == {"a": {"x": 1}, "b": {"x": 1, "y": 2}}


def numbers(schema, node, name=""):
    """Yield the name and the schema of each number below a node of a JSON schema."""
    node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    if node.get("type") in ("integer", "number") and "enum" not in node:
        yield name, node
    for option in node.get("anyOf", ()):
        yield from numbers(schema, option, name)
    yield from numbers(schema, node["items"], f"{name}[]") if "items" in node else ()
    for key, value in node.get("properties", {}).items():
        yield from numbers(schema, value, f"{name}.{key}")


@pytest.mark.parametrize("kind", [Params, Fetched])
def test_every_number_has_a_least_and_a_greatest_value(kind: type[Section]):
    schema = kind.model_json_schema()
    bounded = [{"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}]
    free = [name for name, node in numbers(schema, schema) if not all(each & node.keys() for each in bounded)]
    assert free == []
    assert len([*numbers(schema, schema)]) >= (30 if kind is Params else 1)


@pytest.mark.parametrize(
    ("url", "got"),
    [
        ("http://127.0.0.1/a\\0b", "control characters"),
        ("http://127.0.0.1/a\\r\\nHost: b", "control characters"),
        ("http://127.0.0.1/\\uD800", "unicode"),
        ("http://127.0.0.1:99999/a", "Port out of range"),
        ("http://127.0.0.1:x/a", "Port could not be cast"),
        ("http://[::1/a", "Invalid IPv6"),
        ("http:///a", "no host"),
        ("http://" + 64 * "a" + ".org/a", "label"),
        ("http://127.0.0.1/" + 2000 * "a", "at most 2000 characters"),
    ],
)
def test_addresses_that_no_server_has(tmp_path, url, got):
    path = tmp_path / "mine.yaml"
    path.write_text(f'url: "{url}"\n')
    assert got in refused(read_source, str(path), Drawn, Fetched).got


@pytest.mark.parametrize("path", ["x" * 1001, '"a\\0.yaml"', '"\\uD800.yaml"'])
def test_paths_that_no_disk_has(tmp_path, path):
    params = tmp_path / "params.yaml"
    params.write_text(params_text("demo").replace("source: sources/demo.yaml", f"source: {path}"))
    assert "download.source: " in refused(load_params, params).got


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ([f"train.epochs={'9' * 3000}"], "a number of 3,000 characters"),
        ([f"train.epochs=1{'0' * 30}"], "less than or equal to 1000000"),
        ([f"evaluate.scales={'[' * 100}"], "more than 32 levels"),
        ([f"evaluate.scales=[{'1,' * 2000}"], "line 1, column"),
        ([f"train.epochs={'1,' * 9999}1"], "more than 4,096 characters"),
        ([f"{key}=" + ",".join(map(str, range(50))) for key in ("train.seed", "visualize.seed")], "2,500 points"),
        ([f"{'k' * 4000}=1"], "no such param"),
    ],
    ids=["digits", "large", "deep", "commas", "long", "points", "key"],
)
def test_grids_that_are_not_run(root, arguments, got):
    assert got in refused(read_grid, arguments, root / "params.yaml").got


def test_files_of_the_project_within_the_same_bounds(tmp_path, root):
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text((root / name).read_text())
    (tmp_path / "dvc.lock").write_text(f"schema: '2.0'\nstages: {{}}\n# {'x' * MOST_BYTES}\n")
    assert broken_file(tmp_path) is None  # it may be larger than files that people write
    for text, got in (BOMB, "aliases"), ("[" * 100, "32 levels"), ("9" * 5000, "5,000 characters"):
        (tmp_path / "dvc.lock").write_text(f"schema: '2.0'\nstages: {text}\n")
        assert got in broken_file(tmp_path).got


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[NaN]", "[1e999]", "9" * 5000, '["\\ud800"]'])
def test_json_that_is_not_read(text):
    with pytest.raises(ValueError, match=r"^.{1,100}$"):
        parse_json(text)


@pytest.mark.parametrize(
    ("address", "index"),
    [("host:0", 0), ("host:99999", 0), ("host:" + "9" * 5000, 0), ("h" * 100_000, 0), ("host:2222", 10**30)],
)
def test_a_cluster_that_cannot_be(address, index):
    text = json.dumps({"cluster": {"worker": [address]}, "task": {"type": "worker", "index": index}})
    assert refused(read_cluster, {"TF_CONFIG": text}).problem == "TF_CONFIG does not describe a cluster"


@pytest.mark.slow
def test_a_stage_prints_a_few_lines_and_no_traceback(tmp_path, root):
    path = tmp_path / "params.yaml"
    path.write_text(with_epochs(BOMB))
    command = [sys.executable, "-m", "stages.weights", "--cache", tmp_path, "--backbone", tmp_path, "--params", path]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the params file cannot be read\n")
    assert len(done.stderr) < WIDTH
