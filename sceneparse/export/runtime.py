"""Run an exported model as its users would: in a process of its own, without this project and without Keras.

Usage as a script: FORMAT MODEL PICTURES.npz ANNOTATIONS.npz. Input: uint8 arrays [H, W, 3]. Output: the annotation of
each, uint8 [H, W], under the same name, and `seconds`, float64 [pictures].
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Run = Callable[[Any], Any]  # uint8 [1, H, W, 3] -> uint8 [1, H, W]


def savedmodel(path: str) -> Run:
    """Load a SavedModel into TensorFlow."""
    import tensorflow as tf

    loaded = tf.saved_model.load(path)  # the signature alone would not keep its variables alive

    def run(image: Any) -> Any:
        return loaded.signatures["serving_default"](image=tf.constant(image))["annotation"].numpy()

    return run


def onnx(path: str) -> Run:
    """Load an ONNX model into ONNX Runtime, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda image: session.run(["annotation"], {"image": image})[0]


def tflite(path: str) -> Run:
    """Load a TFLite model into LiteRT, on all cores."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(path, num_threads=os.cpu_count()).get_signature_runner()
    return lambda image: run(image=image)["annotation"]


def main(format: str, model: str, pictures: str, annotations: str) -> None:
    """Annotate each array of `pictures`, and write the results to `annotations`."""
    for name in ("sceneparse", "stages", "pipeline", "keras"):
        sys.modules[name] = None  # type: ignore[assignment]  # any import of them fails from here on
    run = {"savedmodel": savedmodel, "onnx": onnx, "tflite": tflite}[format](model)
    results, seconds = {}, []
    with np.load(pictures) as arrays:
        for name in arrays.files:
            image = arrays[name][None]
            run(image)  # a runtime prepares itself for a new size first
            start = time.perf_counter()
            results[name] = run(image)[0]
            seconds.append(time.perf_counter() - start)
    np.savez(annotations, seconds=np.array(seconds), **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
