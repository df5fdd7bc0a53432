"""Models of strangers, whole by their seals: their members are bounded, fit the card and are finite, or are refused."""

import json
import os
import zipfile

import h5py
import numpy as np
import pytest
from model_files import members, with_card, with_config, with_weights, write_card, write_model
from small_model import save_small_model

from sceneparse.core.errors import InputError
from sceneparse.inference.loading import load_parser
from sceneparse.network.card import KEY, check_model
from sceneparse.network.members import CONFIG, METADATA, MOST_BYTES, WEIGHTS
from stages.train.start import read_start

KERNEL = "layers/conv2d/vars/0"
BIAS = "layers/conv2d_17/vars/1"
SHAPE = (3, 3, 3, 1)
NO_CARD, NO_FIT, NO_LOADING = (
    "the model has no card inside",
    "the model is not what its card describes",
    "Keras cannot load the model",
)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return members(save_small_model(tmp_path_factory.mktemp("model")))


def refused(folder, content, **options):
    model = write_model(folder / "fcn8s.keras", content, **options)
    with pytest.raises(InputError) as caught:
        load_parser(model)
    assert caught.value.file == str(model)
    assert len(str(caught.value)) < 3000
    return caught.value


ZIPS = {  # a change of the members -> the problem, and a part of what was found
    "no weights": ({WEIGHTS: None}, NO_CARD, "a zip of config.json, metadata.json"),
    "weights as npz": ({WEIGHTS: None, "model.weights.npz": b"PK"}, NO_CARD, "model.weights.npz"),
    "a way out": ({"../../x": b""}, NO_CARD, "../../x"),
    "a large card": ({METADATA: b" " * (MOST_BYTES + 1)}, NO_CARD, "metadata.json: 1048577 bytes"),
    "a deep card": ({METADATA: b'{"sceneparse":' + b"[" * 9999}, NO_CARD, "recursion limit"),
    "a list for a card": ({METADATA: b"[]"}, NO_CARD, "TypeError"),
    "a large config": ({CONFIG: b" " * (MOST_BYTES + 1)}, NO_FIT, "config.json: 1048577 bytes"),
    "a deep config": ({CONFIG: b"[" * 99_999}, NO_FIT, "recursion limit"),
    "a config with NaN": ({CONFIG: b'{"scale": NaN}'}, NO_FIT, "not finite"),
    "a config with infinity": ({CONFIG: b'{"scale": 1e999}'}, NO_FIT, "not finite"),
    "no JSON": ({CONFIG: b"{"}, NO_FIT, "EOF"),
    "another JSON": ({CONFIG: b"[1]"}, NO_LOADING, "list indices"),
    "null": ({CONFIG: b"null"}, NO_LOADING, "NoneType"),
    "weights of noise": ({WEIGHTS: bytes(range(256)) * 20}, NO_FIT, "signature"),
    "empty weights": ({WEIGHTS: b""}, NO_FIT, "signature"),
}


@pytest.mark.parametrize("case", ZIPS)
def test_members(tmp_path, content, case):
    changes, problem, got = ZIPS[case]
    error = refused(tmp_path, {name: data for name, data in (content | changes).items() if data is not None})
    assert error.problem == problem
    assert got in error.got


def test_compressed_members_are_not_unpacked(tmp_path, content):
    packed = content | {CONFIG: b" " * (1 << 26)}
    assert "compressed members" in refused(tmp_path, packed, compression=zipfile.ZIP_DEFLATED).got


def put(item):
    def change(file):
        del file[KERNEL]
        file[KERNEL] = item

    return change


def bomb(file):
    del file[KERNEL]
    file.create_dataset(KERNEL, shape=(3, 3, 40_000, 40_000), dtype="f4", chunks=(3, 3, 100, 100), compression="gzip")


def outside(file):
    del file[KERNEL]
    file.create_dataset(KERNEL, shape=SHAPE, dtype="f4", external=[(os.devnull, 0, 108)])


def loop(file):
    file["layers/again"] = file["layers"]


WEIGHTS_OF = {
    "external link": (put(h5py.ExternalLink("/etc/passwd", "x")), f"/{KERNEL}: an external link"),
    "soft link": (put(h5py.SoftLink("/layers/conv2d_1/vars/0")), f"/{KERNEL}: a soft link"),
    "external storage": (outside, f"/{KERNEL}: an array whose numbers are in other files"),
    "shape bomb": (bomb, f"/{KERNEL}: an array of (3, 3, 40000, 40000), 57,600,000,000 bytes"),
    "loop": (loop, "/layers/again: a second name"),
    "text": (put(np.array([b"abc"] * 3)), f"/{KERNEL}: an array of |S3"),
    "NaN": (lambda file: file[KERNEL].write_direct(np.full(SHAPE, np.nan, np.float32)), "infinity in conv1_1/kernel"),
    "infinity": (lambda file: file[BIAS].write_direct(np.array([0, np.inf, 0], "f4")), "in score_pool3/bias"),
}


@pytest.mark.parametrize("case", WEIGHTS_OF)
def test_weights_are_named(tmp_path, content, case):
    change, got = WEIGHTS_OF[case]
    error = refused(tmp_path, with_weights(content, change))
    assert error.problem == NO_FIT
    assert got in error.got


def layer(config, kind="Conv2D"):
    return next(each for each in config["config"]["layers"] if each["class_name"] == kind)


def program(module, name, **arguments):
    """Let Keras make something else than its layers."""
    return lambda config: config.update(module=module, class_name=name, registered_name=None, config=arguments)


def setting(kind, **changes):
    return lambda config: layer(config, kind)["config"].update(changes)


CONFIGS = {
    "a program": (program("subprocess", "Popen", args=["touch", "evil"]), NO_LOADING, "Popen"),
    "a module": (lambda config: program("os", "system", command="touch evil")(layer(config)), NO_LOADING, "Functional"),
    "a huge layer": (setting("Conv2D", filters=10**30), NO_LOADING, "out-of-range"),
    "no number": (setting("Conv2D", filters="many"), NO_LOADING, "Functional"),
    "a layer less": (lambda config: config["config"]["layers"].pop(3) and None, NO_LOADING, "conv1_2"),
    "nested": (lambda _: json.loads('{"a":' * 150 + "1" + "}" * 150), NO_LOADING, "KerasSaveable"),
    "other input": (setting("InputLayer", batch_shape=[None, 64, 64, 3]), NO_FIT, "(None, 64, 64, 3)"),
    "other output": (lambda config: config["config"].update(output_layers=[["pool1", 0, 0]]), NO_FIT, "None, 1)"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_networks_that_are_not_ours(tmp_path, content, case, monkeypatch):
    monkeypatch.chdir(tmp_path)
    change, problem, got = CONFIGS[case]
    error = refused(tmp_path, with_config(content, change))
    assert error.problem == problem
    assert got in error.got
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("classes", "other", "fits"),
    [(3, "ignored", True), (2, "class", True), (2, "ignored", False), (3, "class", False), (4, "ignored", False)],
)
def test_a_card_names_as_many_classes_as_the_model_has_outputs(tmp_path, content, classes, other, fits):
    names, params = [f"class {number}" for number in range(classes)], {"model": {"other": other}, "train": {}}
    changed = with_card(content, classes=names, palette=["#000000"] * classes, params=params)
    if fits:
        assert load_parser(write_model(tmp_path / "fcn8s.keras", changed)).classes == tuple(names)
        return
    error = refused(tmp_path, changed)
    assert error.problem == NO_FIT
    assert f"for {classes} classes" in error.expected


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"preprocessing": {"size": 10**9}}, "preprocessing.size: Input should be less than or equal to 4096"),
        ({"format": "2" * 99_999}, "222…222"),
        ({"x" * 9999 + str(number): 1 for number in range(50)}, "and 30 more"),
    ],
)
def test_cards_inside_and_beside_are_refused_alike(tmp_path, content, changes, got):
    if "preprocessing" in changes:
        changes = {"preprocessing": json.loads(content[METADATA])[KEY]["preprocessing"] | changes["preprocessing"]}
    error = refused(tmp_path, with_card(content, **changes))
    assert got in error.got
    model = write_model(tmp_path / "other.keras", content)
    write_card(model, **changes)
    with pytest.raises(InputError) as beside:
        load_parser(model)
    assert beside.value.got == error.got
    assert beside.value.file == str(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("card", "got"),
    [
        (b" " * (MOST_BYTES + 1), "more than 1,048,576 bytes"),
        (b"[" * 99_999, "recursion limit"),
        (b'{"format": NaN}', "not finite"),
        (b"9" * 5000, "out of range"),
    ],
)
def test_cards_beside_a_model_are_bounded(tmp_path, content, card, got):
    model = write_model(tmp_path / "fcn8s.keras", content)
    model.with_suffix(".json").write_bytes(card)
    with pytest.raises(InputError, match="the model's card cannot be read") as caught:
        check_model(model, model.with_suffix(".json"))
    assert got in caught.value.got
    assert len(caught.value.got) < 300


def test_training_starts_from_no_such_model_either(tmp_path, content):
    from network_params import model_params

    from sceneparse.network.fcn8s import build_fcn8s

    broken = with_weights(content, lambda file: file[BIAS].write_direct(np.full(3, np.nan, np.float32)))
    params = model_params(width=1 / 64)
    initialize, _ = read_start(write_model(tmp_path / "fcn8s.keras", broken), params, ("sky", "road", "tree"))
    with pytest.raises(InputError, match="NaN or infinity in score_pool3/bias"):
        initialize(build_fcn8s(3, params))
