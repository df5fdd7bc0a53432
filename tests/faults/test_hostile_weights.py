"""ImageNet weights that lead out of their file, in circles, or to more than the file holds: refused by name."""

import json

import h5py
import numpy as np
import pytest
from weights_files import layers_of, write_h5

from sceneparse.core.errors import InputError
from sceneparse.network import hdf5
from sceneparse.network.imagenet_weights import load_backbone, read_keras_weights, save_backbone

LAYER = "block2_conv1"
KERNEL = f"{LAYER}/{LAYER}_W_1:0"
SHAPE = (3, 3, 2, 3)
SECRET = b"\x00\x00\x80\x3f" * 54  # as many floats as the kernel has, all 1.0


@pytest.fixture
def weights(tmp_path):
    return write_h5(tmp_path / "weights.h5", layers_of("vgg16"))


def put(item):
    """Put an item in the kernel's place."""

    def change(file, _):
        del file[KERNEL]
        file[KERNEL] = item

    return change


def make(**options):
    """Make another dataset in the kernel's place."""

    def change(file, folder):
        del file[KERNEL]
        if "external" in options:
            (folder / "secret.bin").write_bytes(SECRET)
            options["external"] = [(str(folder / "secret.bin"), 0, len(SECRET))]
        file.create_dataset(KERNEL, **{"shape": SHAPE, "dtype": "f4", **options})

    return change


def link_outside(file, folder):
    with h5py.File(folder / "secret.h5", "w") as secret:
        secret["x"] = np.ones(SHAPE, np.float32)
    put(h5py.ExternalLink(str(folder / "secret.h5"), "x"))(file, folder)


def virtual(file, folder):
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[...] = h5py.VirtualSource(str(folder / "secret.h5"), "x", SHAPE)
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def loop(file, _):
    file[f"{LAYER}/again"] = file["/"]


def twice(file, _):
    file[f"{LAYER}/again"] = file["block1_conv1"]


def tower(file, _):
    group = file[LAYER]
    for level in range(hdf5.MOST_LEVELS + 1):
        group = group.create_group(f"level{level}")


def crowd(file, _):
    for number in range(40):
        file.create_group(f"{LAYER}/{number}")


def name(file, text):
    file[LAYER].attrs["weight_names"] = np.array([text, KERNEL.partition("/")[2].encode()])


FILES = {  # a change of the file -> the object named, and why it is refused
    "external link": (link_outside, f"/{KERNEL}: an external link"),
    "soft link": (put(h5py.SoftLink("/block1_conv1/block1_conv1_W_1:0")), f"/{KERNEL}: a soft link"),
    "dangling link": (put(h5py.SoftLink("/nowhere")), f"/{KERNEL}: a soft link"),
    "external storage": (make(external=True), f"/{KERNEL}: an array whose numbers are in other files"),
    "virtual dataset": (virtual, f"/{KERNEL}: an array whose numbers are in other files"),
    "shape bomb": (make(shape=(3, 3, 2**20, 2**40), chunks=(3, 3, 1, 1)), f"/{KERNEL}: an array of (3, 3, 1048576"),
    "packed bomb": (make(shape=(3, 3, 2000, 2000), compression="gzip"), "144,000,000 bytes, which the file does not"),
    "nothing stored": (make(), "216 bytes, which the file does not hold"),
    "loop": (loop, f"/{LAYER}/again: a second name of another object, or a loop"),
    "two names": (twice, f"/{LAYER}/again: a second name of another object, or a loop"),
    "tower": (tower, "more than 10,000 objects, or 16 levels"),
    "text": (put(np.array([b"abc"] * 3)), f"/{KERNEL}: an array of |S3, not of numbers"),
    "text of any length": (make(shape=(3,), dtype=h5py.string_dtype()), f"/{KERNEL}: an array of object"),
    "records": (put(np.zeros(3, [("a", "f4")])), f"/{KERNEL}: an array of [('a', '<f4')]"),
    "whole numbers": (put(np.zeros(SHAPE, np.int32)), f"{LAYER}: weights that are no arrays of floats"),
    "a type": (put(np.dtype("f4")), f"/{KERNEL}: no array"),
    "no shape": (put(h5py.Empty("f4")), f"/{KERNEL}: no array"),
    "NaN": (put(np.full(SHAPE, np.nan, np.float32)), f"{LAYER}: NaN or infinity"),
    "too large for float32": (put(np.full(SHAPE, 1e300)), f"{LAYER}: NaN or infinity"),
    "name of a group": (lambda file, _: name(file, b"/block1_conv1"), f"{LAYER}: weights that are no arrays"),
    "name that is no text": (lambda file, _: name(file, b"\xff"), "codec can't decode"),
    "name of nothing": (lambda file, _: name(file, b"../x"), f"../x: named, but not in /{LAYER}"),
    "no names": (lambda file, _: file.attrs.__setitem__("layer_names", 3), "iter"),
}


@pytest.mark.parametrize("case", FILES)
def test_what_is_not_plain_is_refused_by_name(weights, tmp_path, case):
    change, got = FILES[case]
    with h5py.File(weights, "r+") as file:
        change(file, tmp_path)
    with pytest.raises(InputError) as refused:
        read_keras_weights(weights)
    assert got in refused.value.got
    assert len(refused.value.got) < 500
    assert refused.value.file == str(weights)


def test_a_crowd_of_groups_is_refused(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "MOST_OBJECTS", 90)
    read_keras_weights(weights)
    with h5py.File(weights, "r+") as file:
        crowd(file, tmp_path)
    with pytest.raises(InputError, match="more than 90 objects"):
        read_keras_weights(weights)


def test_arrays_are_no_larger_than_their_file_together(weights):
    with h5py.File(weights) as file:
        hdf5.check_plain(file, weights.stat().st_size)
        with pytest.raises(ValueError, match="which the file does not hold"):
            hdf5.check_plain(file, sum(part.nbytes for parts in layers_of("vgg16").values() for part in parts) - 1)


def test_other_kinds_of_plain_files_are_read(weights):
    """Chunks, and float64 in place of float32."""
    with h5py.File(weights, "r+") as file:
        kernel = file[KERNEL][()]
        del file[KERNEL]
        file.create_dataset(KERNEL, data=kernel.astype(np.float64), chunks=(3, 3, 1, 1))
    np.testing.assert_array_equal(read_keras_weights(weights).weights["conv2_1/kernel"], kernel, strict=True)


@pytest.mark.parametrize(
    ("description", "arrays", "packed", "got"),
    [
        ({"digest": "md5:0"}, {}, False, "algorithm:hex"),
        ({"source": "elsewhere"}, {}, False, "'file' or 'none'"),
        ({"backbone": ["vgg16"]}, {}, False, "valid string"),
        ({"deep": json.loads("[" * 300 + "]" * 300)}, {}, False, "recursion"),
        ({}, {"fc6/bias": np.full(8, np.nan, np.float32)}, False, "fc6/bias has other values"),
        ({}, {"fc6/bias": np.array(["a"] * 8)}, False, "fc6/bias has other values"),
        ({}, {"fc6/bias": np.zeros(10_000_000, np.float32)}, True, "compressed members"),
    ],
)
def test_a_backbone_that_the_weights_stage_did_not_write(weights, tmp_path, description, arrays, packed, got):
    save_backbone(tmp_path / "backbone", read_keras_weights(weights))
    content = json.loads((tmp_path / "backbone/backbone.json").read_text())
    (tmp_path / "backbone/backbone.json").write_text(json.dumps(content | description))
    with np.load(tmp_path / "backbone/backbone.npz") as file:
        saved = dict(file.items())
    (np.savez_compressed if packed else np.savez)(tmp_path / "backbone/backbone.npz", **(saved | arrays))
    with pytest.raises(InputError) as refused:
        load_backbone(tmp_path / "backbone")
    assert refused.value.problem == "the backbone cannot be read"
    assert got in refused.value.got
    assert len(refused.value.got) < 500
