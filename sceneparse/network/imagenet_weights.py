"""Weights of the ImageNet classifier, from Keras' file to FCN-8s.

Input: a Keras weights file (HDF5) of VGG16 or VGG19, with the dense layers ('top') or without ('notop');
`read_keras_weights` reads it with h5py alone. Output: a directory that `save_backbone` writes and `load_backbone`
reads: backbone.json names source and network, backbone.npz holds 'NAME/kernel' [h, w, in, out] and 'NAME/bias' [out],
float32, for NAME = conv1_1 ... conv5_3 (conv5_4 in VGG19), and fc6, fc7 of a top file. The dense layers become
convolutions, and conv1_1 takes RGB where the file's takes BGR.
"""

import json
import zipfile
from collections.abc import Set
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from sceneparse.core.errors import InputError
from sceneparse.core.files import atomic_directory, write_json
from sceneparse.network.backbones import NAMES, find_backbone

Weights = dict[str, np.ndarray]


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

    Channel counts are the file's own. Raises InputError naming every layer that is missing or
    whose shape does not follow from the layer before.
    """
    try:
        with h5py.File(path, "r") as file:
            stored = _stored_layers(file)
    except (OSError, KeyError) as error:
        raise _refusal(path, "a Keras HDF5 weights file", str(error)) from None
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
            kernel, bias = stored[layer]
            weights[f"{name}/kernel"] = kernel.astype(np.float32).reshape(side, side, inputs, outputs)
            weights[f"{name}/bias"] = bias.astype(np.float32)
        inputs = outputs
    if problems:
        raise _refusal(path, f"the layers of {backbone}, with or without fc1 and fc2", "; ".join(problems))
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
        description = json.loads((directory / "backbone.json").read_bytes())
        if description["source"] == "none":
            return None
        with (directory / "backbone.npz").open("rb") as content, np.load(content, allow_pickle=False) as file:
            return Backbone(description["backbone"], dict(file.items()), description["digest"])
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            "the backbone cannot be read",
            expected="backbone.json and backbone.npz, as stage weights writes them",
            got=repr(error),
            file=directory,
            next_step="run the weights stage again: dvc repro --force weights",
        ) from None


def _stored_layers(file: Any) -> dict[str, list[np.ndarray]]:
    """Return the weights, kernel and bias, of each layer that has any."""
    root = file if "layer_names" in file.attrs else file["model_weights"]  # a whole model keeps them one level down
    names = {layer: _names(root[layer].attrs["weight_names"]) for layer in _names(root.attrs["layer_names"])}
    return {layer: [np.asarray(root[layer][name]) for name in parts] for layer, parts in names.items() if parts}


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
