"""CPU time that classes cost after the network: the loss with its gradient, and the labels of a picture.

Each is timed against the plain way to write it, in turns, in one run: TensorFlow's cross-entropy without XLA;
tf.image.resize of all outputs and tf.argmax. The scores are those of an untrained network with random score layers on
drawn pictures; the last line says how many outputs had to be resized, which decides what labels cost. Both ways' labels
are compared, too. CPU times hardly suffer from other work on the machine.

    python -m benchmarks.classes --classes 16 150 --rounds 9
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from sceneparse.inference.best_outputs import OutputScores, best_outputs
from sceneparse.inference.parser import Compiled
from sceneparse.network.coarse import candidates, upsample
from sceneparse.network.fcn8s import build_fcn8s
from sceneparse.params.model import Model
from stages.train.losses import pixel_cross_entropy, weighted_losses

SIZE, BATCH, PICTURE = 256, 4, (512, 683)  # pixels of training; pictures; height and width of most of ADE20K's pictures
WIDTH, HEAD_CHANNELS = 0.125, 512


def draw_pictures(generator: np.random.Generator) -> np.ndarray:
    """Draw smooth pictures, uint8 [BATCH, SIZE, SIZE, 3]."""
    coarse = generator.integers(0, 256, (BATCH, 6, 8, 3), np.uint8)
    bicubic = Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(each).resize((SIZE, SIZE), bicubic)) for each in coarse])


def scoring_network(classes: int, generator: np.random.Generator) -> Any:
    """Return an FCN-8s at an eighth of VGG16's width, whose scores differ."""
    network = build_fcn8s(classes, Model(width=WIDTH, head_channels=HEAD_CHANNELS))
    for name, spread in (("score_fr", 0.3), ("score_pool4", 0.02), ("score_pool3", 0.02)):
        kernel = network.get_layer(name).kernel
        kernel.assign(generator.normal(0, spread, kernel.shape))
    return network


def loss_and_gradient(compiled: bool) -> Callable[..., Any]:
    """Return a graph of the upsampled scores' loss and its gradient for the scores."""
    compute = tf.function(weighted_losses, jit_compile=True) if compiled else weighted_losses

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def graph(labels: Any, scores: Any, factor: int) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss, _ = pixel_cross_entropy(labels, upsample(scores, factor), [1.0] * scores.shape[-1], compute)
        return loss, tape.gradient(loss, scores)

    return graph


def labels_of_all(scores: OutputScores, size: tuple[int, int]) -> Any:
    """Resize all outputs to every pixel, then choose."""
    return tf.argmax(tf.image.resize(scores.upsampled(), size), axis=-1).numpy().astype(np.uint8)


def in_turns(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of CPU of each round, by way; a first round, which compiles, is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            spent[name].append(1e3 * (time.process_time() - start))
    return {name: times[1:] for name, times in spent.items()}


def compare(name: str, ours: Callable[[], Any], plain: Callable[[], Any], rounds: int) -> None:
    """Print a row."""
    spent = in_turns({"ours": ours, "plain": plain}, rounds)
    median = {way: statistics.median(times) for way, times in spent.items()}
    spread = " to ".join(f"{edge([o / p for o, p in zip(*spent.values(), strict=True)]):.2f}" for edge in (min, max))
    print(f"{name:34}{median['ours']:8.1f}{median['plain']:8.1f}{median['ours'] / median['plain']:8.2f}   {spread}")


def measure(classes: int, rounds: int) -> None:
    """Print the rows of so many classes."""
    generator = np.random.default_rng(0)
    pictures, network = draw_pictures(generator), Compiled(scoring_network(classes, generator))
    labels = tf.constant(generator.integers(0, classes, (BATCH, SIZE, SIZE)), tf.uint8)
    scores = network.scores(pictures)
    fast, plain = loss_and_gradient(compiled=True), loss_and_gradient(compiled=False)
    print(f"{classes} classes, CPU milliseconds          ours   plain   ratio   its spread")
    compare(
        f"loss and gradient, {BATCH} x {SIZE}²",
        lambda: float(fast(labels, scores.values, scores.factor)[0]),
        lambda: float(plain(labels, scores.values, scores.factor)[0]),
        rounds,
    )
    single = scores._replace(values=scores.values[:1])
    for size in ((SIZE, SIZE), PICTURE):
        compare(
            f"labels of a picture, {size[1]} x {size[0]}",
            lambda size=size: best_outputs(single, size),  # type: ignore[misc]
            lambda size=size: labels_of_all(single, size),  # type: ignore[misc]
            rounds,
        )
    differing = int((best_outputs(scores, PICTURE).outputs != labels_of_all(scores, PICTURE)).sum())
    print(f"outputs resized: {len(candidates(single.values, 3))} of {classes}; labels that differ: {differing}")


def main() -> None:
    """Parse flags and print a table for each number of classes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=[16, 150])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    for classes in arguments.classes:
        measure(classes, arguments.rounds)


if __name__ == "__main__":
    main()
