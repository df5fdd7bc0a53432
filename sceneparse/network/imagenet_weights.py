"""Weights of the ImageNet classifier, from Keras' file to FCN-8s.

Input: a Keras weights file (HDF5) of VGG16 or VGG19, with the dense layers ('top') or without ('notop');
`read_keras_weights` reads it with h5py alone. Output: a directory that `save_backbone` writes and `load_backbone`
reads: backbone.json names source and network, backbone.npz holds 'NAME/kernel' [h, w, in, out] and 'NAME/bias' [out],
float32, for NAME = conv1_1 ... conv5_3 (conv5_4 in VGG19), and fc6, fc7 of a top file. The dense layers become
convolutions, and conv1_1 takes RGB where the file's takes BGR.
"""

import zipfile
from collections.abc import Set
from pathlib import Path
from typing import Any, Literal, NamedTuple

import h5py
import numpy as np

from sceneparse.core.documents import load_json
from sceneparse.core.errors import REPAIR, InputError, few, shortened
from sceneparse.core.fields import Digest, Section
from sceneparse.core.files import atomic_directory, write_json
from sceneparse.core.zip_reading import check_stored
from sceneparse.network.backbones import NAMES, find_backbone
from sceneparse.network.hdf5 import check_plain

Weights = dict[str, np.ndarray]


class Description(Section):
    """Content of backbone.json; without pretrained weights source is none, and the others are null."""

    source: Literal["file", "none"]
    backbone: str | None
    digest: Digest | None


class Backbone(NamedTuple):
    """Name of a network, weights of its layers as in the module's docstring, and the digest of Keras's file."""

    name: str
    weights: Weights
    digest: str | None

    @property
    def top(self) -> bool:
        """Whether fc6 and fc7 are among the layers."""
        return "fc6/kernel" in self.weights


def read_keras_weights(path: Path, digest: str | None = None) -> Backbone:
    """Return the backbone, vgg16 or vgg19, of a Keras weights file whose digest is known.

    Channel counts are the file's own. Raises InputError naming every layer that is missing, is not finite, or
    whose shape does not follow from the layer before.
    """
    try:
        with h5py.File(path, "r") as file:
            check_plain(file, path.stat().st_size)
            return _convert(path, _stored_layers(file), digest)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise _refusal(path, "a Keras HDF5 weights file", shortened(str(error), 300)) from None


def _convert(path: Path, stored: dict[str, list[Any]], digest: str | None) -> Backbone:
    """Return the backbone of the stored layers, each an h5py.Dataset of the kernel and one of the bias."""
    backbone = _nearest(stored.keys())
    layers = list(find_backbone(backbone).weights_layers())
    convolutions = [layer for layer in layers if not layer.dense]
    top = not stored.keys() <= {layer.keras_name for layer in convolutions}
    weights: Weights = {}
    problems = []
    inputs: int | None = 3  # channels; None after a layer of a wrong shape
    for name, layer, side, dense in layers if top else convolutions:
        shapes = [weight.shape for weight in stored.get(layer, [])]
        folded = side * side if dense else 1  # a dense kernel's rows are (y, x, channel), flattened in that order
        if not shapes or len(shapes[0]) != (2 if dense else 4):
            problems.append(f"{layer}: {shapes or 'missing'}")
            inputs = None
            continue
        outputs = shapes[0][-1]
        inputs = inputs or shapes[0][-2] // folded
        expected = [(inputs * folded, outputs) if dense else (side, side, inputs, outputs), (outputs,)]
        if shapes != expected:
            problems.append(f"{layer}: {shapes} instead of {expected}")
        else:
            kernel, bias = (dataset.astype(np.float32)[()] for dataset in stored[layer])
            if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
                problems.append(f"{layer}: NaN or infinity")
            weights[f"{name}/kernel"] = kernel.reshape(side, side, inputs, outputs)
            weights[f"{name}/bias"] = bias
        inputs = outputs
    if problems:
        got = "; ".join(few(problems, longest=200))
        raise _refusal(path, f"the layers of {backbone}, with or without fc1 and fc2", got)
    weights["conv1_1/kernel"] = weights["conv1_1/kernel"][:, :, ::-1, :].copy()
    return Backbone(backbone, weights, digest)


def save_backbone(directory: Path, backbone: Backbone | None) -> None:
    """Write the result of `read_keras_weights`, or None for no pretrained weights.

    Writes neither address nor date, so that the same weights from elsewhere are the same bytes.
    """
    with atomic_directory(directory) as folder:
        source, name, digest = ("file", backbone.name, backbone.digest) if backbone else ("none", None, None)
        write_json(folder / "backbone.json", {"source": source, "backbone": name, "digest": digest})
        if backbone:
            np.savez(folder / "backbone.npz", allow_pickle=False, **backbone.weights)


def load_backbone(directory: Path) -> Backbone | None:
    """Return what `save_backbone` wrote. Raises InputError."""
    try:
        description = Description.model_validate(load_json(directory / "backbone.json", 1 << 16))
        if description.source == "none":
            return None
        return Backbone(description.backbone or "no name", _arrays(directory / "backbone.npz"), description.digest)
    except (OSError, LookupError, TypeError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise InputError(
            "the backbone cannot be read",
            expected="backbone.json and backbone.npz, as stage weights writes them",
            got=shortened(repr(error), 300),
            file=directory,
            next_step=f"make the weights again: {REPAIR}",
        ) from None


def _arrays(path: Path) -> Weights:
    """Return the arrays of an npz that np.savez wrote.

    Raises ValueError for compressed ones, which could be huge, and for numbers that are not finite floats.
    """
    check_stored(path)
    with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
        arrays = dict(file.items())
    for name, array in arrays.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"{shortened(name)} has other values than finite floats")
    return arrays


def _stored_layers(file: Any) -> dict[str, list[Any]]:
    """Return the h5py.Datasets, kernel and bias, of each layer that has any. Raises ValueError for other objects."""
    root = file if "layer_names" in file.attrs else _item(file, "model_weights")  # where whole models keep them
    stored: dict[str, list[Any]] = {}
    for layer in _names(root.attrs["layer_names"]):
        group = _item(root, layer)
        parts = [_item(group, name) for name in _names(group.attrs["weight_names"])]
        if not all(isinstance(part, h5py.Dataset) and part.dtype.kind == "f" for part in parts):
            raise ValueError(f"{shortened(layer)}: weights that are no arrays of floats")
        if parts:
            stored[layer] = parts
    return stored


def _item(group: Any, name: str) -> Any:
    """Return what a group has under a name. Raises ValueError."""
    if not isinstance(group, h5py.Group) or name not in group:
        raise ValueError(f"{shortened(name)}: named, but not in {shortened(group.name)}")
    return group[name]


def _names(attribute: Any) -> list[str]:
    """Return names from an HDF5 attribute, which older files store as bytes."""
    return [name.decode() if isinstance(name, bytes) else str(name) for name in attribute]


def _nearest(layers: Set[str]) -> str:
    """Return the backbone whose layers differ least from those of a file."""

    def difference(name: str) -> int:
        return len(layers ^ {layer.keras_name for layer in find_backbone(name).weights_layers()})

    return min(NAMES, key=difference)


def _refusal(path: Path, expected: str, got: str) -> InputError:
    return InputError(
        "the ImageNet weights are not those of a VGG network",
        expected=expected,
        got=got,
        file=path,
        next_step="set weights.source to one of sources/vgg*.yaml, which Keras publishes, or to sources/none.yaml",
    )
