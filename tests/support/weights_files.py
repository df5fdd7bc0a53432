"""Small weights files of VGG networks in Keras's HDF5 layouts."""

from pathlib import Path

import h5py
import numpy as np

from sceneparse.network.backbones import find_backbone

WIDTHS = (2, 3, 4, 5, 6)  # channels of the five blocks
UNITS = 8


def layers_of(backbone: str, top: bool = True) -> dict[str, list[np.ndarray]]:
    """Return kernel and bias by the names of Keras's layers, with its dense ones or without; all values differ."""
    shapes = {}
    inputs = 3
    for block, (convs, outputs) in enumerate(zip(find_backbone(backbone).convolutions, WIDTHS, strict=True), 1):
        for conv in range(1, convs + 1):
            shapes[f"block{block}_conv{conv}"] = (3, 3, inputs, outputs)
            inputs = outputs
        shapes[f"block{block}_pool"] = None
    if top:
        shapes |= {"flatten": None, "fc1": (49 * inputs, UNITS), "fc2": (UNITS, UNITS), "predictions": (UNITS, 10)}
    layers, first = {}, 0
    for name, shape in shapes.items():
        layers[name] = []
        for part in [shape, shape[-1:]] if shape else []:
            size = int(np.prod(part))
            layers[name].append(np.arange(first, first + size, dtype=np.float32).reshape(part))
            first += size
    return layers


def write_h5(path: Path, layers: dict[str, list[np.ndarray]], form: str = "legacy") -> Path:
    """Write weights like Keras 1, for the published files (bytes, W_1:0), or Keras 2, for models (str, nested)."""
    with h5py.File(path, "w") as file:
        root = file if form == "legacy" else file.create_group("model_weights")
        encoded = np.bytes_ if form == "legacy" else str
        root.attrs["layer_names"] = [encoded(name) for name in layers]
        for layer, arrays in layers.items():
            group = root.create_group(layer)
            parts = ("_W_1:0", "_b_1:0") if form == "legacy" else ("/kernel:0", "/bias:0")
            names = [layer + part for part, _ in zip(parts, arrays, strict=False)]
            group.attrs["weight_names"] = [encoded(name) for name in names] if names else np.array([], "S1")
            for name, array in zip(names, arrays, strict=True):
                group[name] = array
    return path
