"""Stage weights: small files in the layout of Keras' VGG weights are converted or refused."""

import os
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from datasets import demo_params
from servers import serving
from weights_files import UNITS, WIDTHS, layers_of, write_h5

from sceneparse.core.errors import InputError
from sceneparse.core.files import file_digest
from sceneparse.network import imagenet_weights as backbone_module
from sceneparse.network.backbones import NAMES, find_backbone
from sceneparse.network.imagenet_weights import load_backbone, read_keras_weights
from stages.weights.stage import weights


@pytest.fixture
def obtain(tmp_path):
    """Return a function that runs the stage on a source and returns its output, a directory."""

    def run(source: object, digest: str | None = None, name: str = "backbone") -> Path:
        section = demo_params().weights.model_copy(update={"source": str(source), "digest": digest})
        params = demo_params().model_copy(update={"weights": section})
        weights(params, cache=tmp_path / "cache", backbone=tmp_path / name)
        return tmp_path / name

    return run


@pytest.mark.parametrize("form", ["legacy", "whole model"])
@pytest.mark.parametrize("backbone", ["vgg16", "vgg19"])
@pytest.mark.parametrize("top", [True, False], ids=["top", "notop"])
def test_conversion_by_values(tmp_path, backbone, form, top):
    layers = layers_of(backbone, top)
    read = read_keras_weights(write_h5(tmp_path / "weights.h5", layers, form), "md5:pinned")
    assert (read.name, read.top, read.digest) == (backbone, top, "md5:pinned")
    converted = read.weights
    expected = {}
    for layer, arrays in layers.items():
        if layer.startswith("block") and arrays:
            expected[layer.replace("block", "conv").replace("_conv", "_")] = arrays
    # RGB in place of BGR: red weights, last in the file, come first.
    bgr, bias = expected["conv1_1"]
    expected["conv1_1"] = [np.stack([bgr[:, :, 2], bgr[:, :, 1], bgr[:, :, 0]], axis=2), bias]
    if top:
        fc1 = np.empty((7, 7, WIDTHS[-1], UNITS), np.float32)
        for y, x, channel in np.ndindex(7, 7, WIDTHS[-1]):
            fc1[y, x, channel] = layers["fc1"][0][(y * 7 + x) * WIDTHS[-1] + channel]
        expected["fc6"] = [fc1, layers["fc1"][1]]
        expected["fc7"] = [layers["fc2"][0][None, None], layers["fc2"][1]]
    assert converted.keys() == {f"{layer}/{part}" for layer in expected for part in ("kernel", "bias")}
    assert len(converted) == {"vgg16": 26, "vgg19": 32}[backbone] + 4 * top
    for layer, (kernel, bias) in expected.items():
        np.testing.assert_array_equal(converted[f"{layer}/kernel"], kernel, strict=True)
        np.testing.assert_array_equal(converted[f"{layer}/bias"], bias, strict=True)


@pytest.mark.parametrize(
    ("top", "missing"),
    [
        (True, ["block1_conv1", "block3_conv2", "fc1", "fc2"]),
        (True, ["fc1"]),
        (True, ["fc2"]),
        (False, ["block1_conv1", "block5_conv3"]),
        (False, [f"block{number}" for number in ("1_conv1", "2_conv2", "5_conv1", "5_conv2", "5_conv3")]),
    ],
    ids=["top", "fc1", "fc2", "notop", "notop, several"],
)
def test_every_missing_layer_is_named(tmp_path, top, missing):
    layers = layers_of("vgg16", top)
    for name in missing:
        del layers[name]
    with pytest.raises(InputError) as error:
        read_keras_weights(write_h5(tmp_path / "weights.h5", layers))
    assert re.findall(r"(\w+): missing", error.value.got) == missing
    assert "instead of" not in error.value.got, "the sound layers beside them are not blamed"


def test_another_networks_convolutions_are_refused(tmp_path):
    """A layer that VGG does not have counts as a classifier: all of the smallest network is named as missing."""
    layers = {name.replace("block", "stage"): arrays for name, arrays in layers_of("vgg16", top=False).items()}
    with pytest.raises(InputError) as error:
        read_keras_weights(write_h5(tmp_path / "weights.h5", layers))
    assert error.value.got.count("missing") == min(len([*find_backbone(name).weights_layers()]) for name in NAMES)


@pytest.mark.parametrize("top", [True, False], ids=["top", "notop"])
def test_every_wrong_shape_is_named(tmp_path, top):
    layers = layers_of("vgg16", top)
    layers["block2_conv1"][0] = np.zeros((3, 3, 7, 3), np.float32)
    layers["block4_conv3"][1] = np.zeros(4, np.float32)
    layers["block5_conv3"].pop()
    if top:
        layers["fc1"][0] = np.zeros((50 * 6, UNITS), np.float32)
    with pytest.raises(InputError) as error:
        read_keras_weights(write_h5(tmp_path / "weights.h5", layers))
    wrong = ["block2_conv1", "block4_conv3", "block5_conv3"]
    assert re.findall(r"(\w+): \[", error.value.got) == [*wrong, "fc1"] if top else wrong
    assert "(3, 3, 2, 3)" in error.value.got
    assert ("(294, 8)" in error.value.got) == top


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "top.h5"
    path.write_bytes(b"<html>please log in</html>")
    with pytest.raises(InputError, match="not those of a VGG"):
        read_keras_weights(path)
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)
    with pytest.raises(InputError, match="model_weights"):
        read_keras_weights(path)
    write_h5(path, layers_of("vgg16"))
    with h5py.File(path, "a") as file:
        del file["fc1"]["fc1_b_1:0"]
    with pytest.raises(InputError, match="fc1_b_1:0"):
        read_keras_weights(path)


def test_stage_writes_the_same_bytes_wherever_the_file_lies(obtain, tmp_path):
    path = write_h5(tmp_path / "top.h5", layers_of("vgg19"))
    digest = file_digest(path)
    first = obtain(path, digest)
    os.utime(path, (0, 2**30))
    elsewhere = path.rename(tmp_path / "elsewhere.h5")
    (tmp_path / "cache" / "backbone.h5").unlink()
    second = obtain(elsewhere, digest, "second")
    assert {file.name for file in first.iterdir()} == {"backbone.json", "backbone.npz"}
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()
        assert str(tmp_path).encode() not in file.read_bytes()
    with zipfile.ZipFile(first / "backbone.npz") as arrays:
        assert {entry.date_time for entry in arrays.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert digest in (first / "backbone.json").read_text()


def test_stage_by_url_fetches_once_and_is_read_back(obtain, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    path = write_h5(tmp_path / "top.h5", layers_of("vgg16"))
    digest = file_digest(path, "md5")
    with serving(path.read_bytes()) as served:
        source = tmp_path / "mine.yaml"
        source.write_text(f"url: {served.url}\ndigest: {digest}\n")
        obtain(source)
        loaded = load_backbone(obtain(source))
        assert len(served.log) == 1
    assert loaded is not None
    name, arrays, recorded = loaded
    assert (name, recorded) == ("vgg16", digest)
    expected = read_keras_weights(path).weights
    assert arrays.keys() == expected.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(array, expected[key], strict=True)
    assert (
        f"vgg16, conv1_1 to fc7, {sum(array.size for array in expected.values()):,} weights" in capsys.readouterr().out
    )


@pytest.mark.parametrize("pinned", [f"sha256:{'0' * 64}", None])
def test_nothing_is_parsed_before_its_digest_matched(obtain, tmp_path, monkeypatch, pinned):
    path = write_h5(tmp_path / "top.h5", layers_of("vgg16"))

    def opened(*_: object) -> None:
        raise AssertionError("parsed a file that was not the pinned one")

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(backbone_module.h5py, "File", opened)
    with pytest.raises(InputError, match=file_digest(path)):
        obtain(path, pinned)
    with serving(path.read_bytes()) as served:
        (tmp_path / "mine.yaml").write_text(f"url: {served.url}\ndigest: {pinned or ''}\n")
        with pytest.raises(InputError, match=file_digest(path)):
            obtain(tmp_path / "mine.yaml")
    with pytest.raises(AssertionError):
        obtain(path, file_digest(path))
    assert not (tmp_path / "backbone").exists()


def test_none_replaces_what_was_there(obtain, tmp_path):
    path = write_h5(tmp_path / "top.h5", layers_of("vgg16"))
    obtain(path, file_digest(path))
    folder = obtain("sources/none.yaml")
    assert [file.name for file in folder.iterdir()] == ["backbone.json"]
    assert load_backbone(folder) is None


@pytest.mark.parametrize("damage", ["no directory", "no arrays", "cut arrays", "pickled arrays", "no description"])
def test_damaged_backbone_is_refused(obtain, tmp_path, damage):
    path = write_h5(tmp_path / "top.h5", layers_of("vgg16"))
    folder = obtain(path, file_digest(path))
    arrays = folder / "backbone.npz"
    if damage == "no directory":
        folder = tmp_path / "absent"
    elif damage == "no arrays":
        arrays.unlink()
    elif damage == "cut arrays":
        arrays.write_bytes(arrays.read_bytes()[:1000])
    elif damage == "pickled arrays":
        np.savez(arrays, allow_pickle=True, **{"conv1_1/kernel": np.array([object()])})
    else:
        (folder / "backbone.json").write_text("[]")
    with pytest.raises(InputError, match="the backbone cannot be read"):
        load_backbone(folder)
