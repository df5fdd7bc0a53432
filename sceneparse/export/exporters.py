"""Write a model in other formats, by Keras's own exporters, with a description of its numbers inside.

Input: the keras.Model of labelling_network.py. Output: a directory (SavedModel) or a file (ONNX, TFLite) that
runs without this project and without Keras. The description is JSON under the name `sceneparse`: a file in a
SavedModel's assets.extra, an ONNX model's metadata, and a member of the zip that a TFLite model also is.
"""

import json
import warnings
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneparse.dataset.images import Pixels
from sceneparse.network.card import KEY

# Warnings of Keras's patch of tf2onnx and of TensorFlow's quantizer about their own code.
OWN_WARNINGS = (r"In the future `np\.object`", r"\s*Warning: tf\.lite\.Interpreter is deprecated")


@dataclass(frozen=True)
class ExportFormat:
    """A format: the end of its names, the packages it needs, and its writer."""

    suffix: str
    packages: tuple[str, ...]  # beside TensorFlow, in the extra `export`
    write: Callable[..., None]  # (model, path, description, quantize, pictures)
    any_size: bool = True


def write_savedmodel(model: Any, path: Path, description: dict[str, Any], *_: object) -> None:
    """Write TensorFlow's directory, with the signature serving_default."""
    import keras
    import tensorflow as tf

    (image,) = model.inputs
    archive = keras.export.ExportArchive()  # model.export would track the model as well, and save it twice
    archive.add_endpoint("serve", model.__call__, [tf.TensorSpec(image.shape, "uint8", "image")])
    archive.write_out(path, verbose=False)
    (path / "assets.extra").mkdir()
    (path / "assets.extra" / f"{KEY}.json").write_text(json.dumps(description))


def write_onnx(model: Any, path: Path, description: dict[str, Any], *_: object) -> None:
    """Write one .onnx file; open sizes have names."""
    import onnx

    _export(model, path, format="onnx")
    content = onnx.load(path)
    content.metadata_props.add(key=KEY, value=json.dumps(description))
    for value in (*content.graph.input, *content.graph.output):
        for side, name in zip(value.type.tensor_type.shape.dim, ("batch", "height", "width"), strict=False):
            if not side.dim_value:
                side.dim_param = name
    onnx.save(content, path)


def write_tflite(
    model: Any, path: Path, description: dict[str, Any], quantize: str, pictures: Iterable[Pixels]
) -> None:
    """Write one .tflite file of TFLite's own operations.

    float16 halves the weights; int8 makes weights and activations 8 bits wide, with ranges measured on `pictures`,
    uint8 [H, W, 3] of the model's size. Input and output keep their types.
    """
    import tensorflow as tf

    options: dict[str, Any] = {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
    if quantize != "none":
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        options["target_spec"]["supported_types"] = [tf.float16]
    if quantize == "int8":
        options["representative_dataset"] = lambda: ({"image": picture[None]} for picture in pictures)
    _export(model, path, format="litert", **options)
    # A zip begins at its end and TFLite at its beginning, so a file can be both, as TFLite's with associated files are.
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{KEY}.json", json.dumps(description))


FORMATS = {
    "savedmodel": ExportFormat("_savedmodel", (), write_savedmodel),
    "onnx": ExportFormat(".onnx", ("onnx", "onnxruntime", "tf2onnx"), write_onnx),
    "tflite": ExportFormat(".tflite", ("ai_edge_litert",), write_tflite, any_size=False),
}


def _export(model: Any, path: Path, **options: Any) -> None:
    import keras

    signature = [keras.InputSpec("uint8", shape=image.shape, name=image.name) for image in model.inputs]
    with warnings.catch_warnings():
        for message in OWN_WARNINGS:
            warnings.filterwarnings("ignore", message)
        model.export(path, verbose=False, input_signature=signature, **options)
