"""--confidence: the probability of each pixel's class, from the network to a PNG, and its scale in the legend."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_model import SIZE, save_small_model

from sceneparse.core.errors import InputError
from sceneparse.dataset.images import resize_image
from sceneparse.inference.loading import load_parser
from sceneparse.inference.parser import Compiled, Views
from sceneparse.inference.tiles import annotate_tiled, plan_tiles, tiled_probabilities
from sceneparse.network.padding import compute_logits
from sceneparse.predict.inputs import find_sources
from sceneparse.predict.outputs import check_targets
from sceneparse.predict.predict import predict
from sceneparse.scores.palette import heat_colours

BOTH = Views((1.0,), flip=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def image():
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8))
    return np.asarray(coarse.resize((90, 60), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def sure(model):
    """The parser of a network that is sure in some places, unlike the small model."""
    parser = load_parser(model)
    return replace(parser, model=Compiled(lambda images, training: 100 * parser.model(images, training)))


def test_it_is_the_probability_of_the_annotation(sure, image):
    resized = np.asarray(resize_image(Image.fromarray(image), SIZE, SIZE))[np.newaxis]

    def logits(pictures):
        return tf.constant(compute_logits(sure.model, pictures))

    alone = tf.nn.softmax(tf.image.resize(logits(resized), image.shape[:2]))[0]
    views = tf.nn.softmax(logits(resized)) + tf.nn.softmax(logits(resized[:, :, ::-1]))[:, :, ::-1]
    mean = tf.image.resize(views / 2, image.shape[:2])[0]
    for labels, probabilities, annotation in (
        (sure.annotate_with_confidence(image), alone, sure.annotate(image)),
        (sure.annotate_with_confidence(image, BOTH), mean, sure.annotate(image, BOTH)),
    ):
        assert np.array_equal(labels.annotation, annotation)
        assert labels.confidence.dtype == np.uint8
        assert labels.confidence.shape == image.shape[:2]
        chosen = np.take_along_axis(probabilities.numpy(), annotation[..., np.newaxis].astype(int) - 1, axis=-1)[..., 0]
        assert np.abs(labels.confidence - 100 * chosen).max() < 0.6
        assert np.ptp(labels.confidence) > 20, "so the test can fail"


def test_tiles_have_it_too(sure, image):
    tiling = plan_tiles(sure, 90, 60, 900)
    labels = annotate_tiled(sure, image, tiling, BOTH, 8, confidence=True)
    means = tf.image.resize(tiled_probabilities(sure, image, tiling, BOTH, 8), image.shape[:2])
    assert np.abs(labels.confidence - 100 * tf.reduce_max(means, axis=-1)).max() < 0.6
    assert np.ptp(labels.confidence) > 20


def test_the_png_holds_percent_and_shows_colours(model, image, tmp_path, capsys):
    for name in ("a.png", "b.png"):
        Image.fromarray(image).save(tmp_path / name)
    predict([str(tmp_path)], model, None, tmp_path / "out", 0.6, confidence=True, as_json=True)
    told = json.loads(capsys.readouterr().out)["pictures"]
    assert [row["confidence"] for row in told] == [str(tmp_path / f"out/{name}_confidence.png") for name in "ab"]
    expected = load_parser(model).annotate_with_confidence(image)
    with Image.open(tmp_path / "out/a_confidence.png") as png:
        assert png.mode == "P"
        assert np.array_equal(np.asarray(png), expected.confidence)
        assert np.array_equal(np.asarray(png.convert("RGB")), heat_colours()[expected.confidence])
    with Image.open(tmp_path / "out/a.png") as png:
        assert np.array_equal(np.asarray(png), expected.annotation)
    with Image.open(tmp_path / "out/a_legend.png") as legend:
        assert legend.height == 16 + 24 * (len(told[0]["shares"]) + 3), "the scale's three rows below the classes"


def test_a_result_never_takes_its_place(model, tmp_path):
    for name in ("x.jpg", "x_confidence.jpg"):
        (tmp_path / name).touch()
    check_targets(find_sources([str(tmp_path)], tmp_path / "out"), tmp_path / "out")
    with pytest.raises(InputError, match=r"x_confidence\.png would come from both"):
        predict([str(tmp_path)], model, None, tmp_path / "out", 0.6, confidence=True)
