"""A trained model put to use: views of a picture are averaged by hand's measure, and 'other' may be an answer."""

import numpy as np
import pytest
import tensorflow as tf
from cards import card_content, make_card
from network_params import model_params
from PIL import Image

from sceneparse.dataset.images import resize_image
from sceneparse.dataset.picture_formats import TooLargeError
from sceneparse.inference.loading import load_parser
from sceneparse.inference.parser import Compiled, SceneParser, score_views
from sceneparse.inference.views import Views
from sceneparse.network.fcn8s import build_fcn8s
from sceneparse.network.padding import compute_logits
from sceneparse.network.saving import save_card, save_model

SIZE = 64  # of the card's training squares


def parser_of(tmp_path, network, **params):
    card = make_card(params={"model": params, "train": {}})
    save_model(network, tmp_path / "model.keras", card)
    save_card(tmp_path / "model.json", tmp_path / "model.keras", card)
    return load_parser(tmp_path / "model.keras", tmp_path / "model.json")


@pytest.fixture(scope="module")
def network():
    model = build_fcn8s(3, model_params(width=1 / 16), seed=1)
    generator = np.random.default_rng(0)
    for name in ("score_fr", "score_pool4", "score_pool3"):
        kernel = model.get_layer(name).kernel
        kernel.assign(generator.normal(0, 0.5, kernel.shape))
    return model


@pytest.fixture(scope="module")
def parser(network, tmp_path_factory):
    return parser_of(tmp_path_factory.mktemp("model"), network)


def picture(height=48, width=80, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return coarse.repeat(8, 0).repeat(8, 1)


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def test_views_are_averaged_as_probabilities_at_the_first_size(network):
    """Against each view by itself: resized, mirrored there and back, its probabilities resized, and their mean."""
    views = Views((1.0, 0.5), flip=True)
    pictures = {1.0: picture(64, 64)[np.newaxis], 0.5: picture(32, 32, seed=1)[np.newaxis]}
    scores = score_views(Compiled(network), pictures.__getitem__, (64, 64), views).values
    expected = []
    for pixels in pictures.values():
        for step in (1, -1):
            logits = np.asarray(compute_logits(network, pixels[:, :, ::step]))[:, :, ::step]
            expected.append(np.asarray(tf.image.resize(softmax(logits), (64, 64))))
    np.testing.assert_allclose(scores, np.mean(expected, 0), rtol=1e-4, atol=1e-5)
    assert np.std(expected, 0).max() > 0.1  # the views do not agree by themselves


def test_one_view_is_the_networks_own_logits(network):
    pixels = picture(64, 64)[np.newaxis]
    scores = score_views(Compiled(network), lambda _: pixels, (64, 64), Views((1.0,), flip=False))
    assert scores.values.shape == (1, 8, 8, 3)
    np.testing.assert_array_equal(scores.upsampled(), compute_logits(network, pixels))


def test_a_mirrored_picture_gets_the_mirrored_annotation(parser):
    """With both views; with one it does not, so that the test can fail."""
    image = picture(64, 64)
    both, plain = Views((1.0,), flip=True), Views((1.0,), flip=False)
    mirrored = parser.annotate(image[:, ::-1], both)[:, ::-1]
    assert (parser.annotate(image, both) == mirrored).mean() > 0.999
    assert (parser.annotate(image, plain) != parser.annotate(image[:, ::-1], plain)[:, ::-1]).mean() > 0.01


def test_what_the_network_gets_is_bounded_at_the_largest_scale(network):
    """Also in a batch: its pictures have no more pixels than 64 training squares, or than the batch in squares."""
    card = make_card(preprocessing=card_content()["preprocessing"] | {"mode": "crop"})
    parser, views = SceneParser(Compiled(network), card, ""), Views((0.5, 2.0), flip=False)
    assert parser.fitted(160, 10, views) == (16 * SIZE, SIZE)
    for width, seen in ((161, views), (641, Views((1.0,), flip=False))):
        with pytest.raises(TooLargeError, match=f"^{width} x 10 pixels become "):
            parser.annotate(np.zeros((10, width, 3), np.uint8), seen)
    shapes = ((1, 1), (4, 1), (16, 1))
    sizes = [(width * SIZE, height * SIZE) for width, height in shapes]
    assert [parser.batch_of(size, views, 8) for size in sizes] == [8, 4, 1]
    assert [parser.batch_of(size, views, 256) for size in sizes] == [64, 16, 4]


def test_each_scale_is_a_resizing_of_the_original(parser, network):
    """Twice the training's size is not a blown-up square: it is made from the picture itself."""
    image = picture(160, 240)
    annotation = parser.annotate(image, Views((2.0,), flip=False))
    resized = np.asarray(resize_image(Image.fromarray(image), 2 * SIZE, 2 * SIZE))[np.newaxis]
    probabilities = tf.image.resize(softmax(np.asarray(compute_logits(network, resized))), (SIZE, SIZE))
    expected = np.argmax(tf.image.resize(probabilities, (160, 240)), -1)[0] + 1
    assert (annotation == expected).mean() > 0.999


def test_batches_are_seen_at_each_scale_too(parser, network):
    images = np.stack([picture(64, 64, seed) for seed in range(2)])
    views = Views((1.0, 2.0), flip=False)
    larger = tf.cast(tf.round(tf.image.resize(images, (128, 128), antialias=True)), tf.uint8)
    both = softmax(np.asarray(compute_logits(network, images))) + np.asarray(
        tf.image.resize(softmax(np.asarray(compute_logits(network, larger))), (64, 64))
    )
    assert (parser.annotate_fitted(images, views) == np.argmax(both, -1) + 1).mean() > 0.999


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.3])
def test_batches_are_resized_as_the_card_says(network, scale):
    """A checkerboard of pixels is one colour at half its size by nearest neighbour, and gray by a mean."""
    content = card_content()["preprocessing"] | {"interpolation": "nearest"}
    card = make_card(preprocessing=content, params={"model": {}, "train": {}})
    parser, views = SceneParser(Compiled(network), card, ""), Views((scale,), flip=False)
    board = np.where(np.indices((SIZE, SIZE, 3))[:2].sum(0) % 2, (200, 40, 90), (0, 90, 0)).astype(np.uint8)
    images = np.stack([board, picture(SIZE, SIZE)])
    annotations = parser.annotate_fitted(tf.constant(images), views)
    for image, annotation in zip(images, annotations, strict=True):
        assert np.array_equal(annotation, parser.annotate(image, views))


@pytest.mark.parametrize("views", [Views((1.0,), flip=False), Views((1.0, 2.0), flip=True)])
def test_other_is_value_0_where_it_is_a_class(tmp_path, views):
    """A network that sees 'other' everywhere says 0; one that sees class 2 says 2."""
    for channel, value in ((3, 0), (1, 2)):
        network = build_fcn8s(3, model_params(width=1 / 64, other="class"))
        network.get_layer("score_fr").bias.assign(np.eye(4)[channel])
        parser = parser_of(tmp_path, network, other="class")
        assert (parser.annotate(picture(), views) == value).all()
        assert (parser.annotate_fitted(picture(64, 64)[np.newaxis], views) == value).all()


def test_many_sizes_are_no_reason_for_warnings(parser, caplog):
    """Each padded size is compiled once, on purpose; TensorFlow would call that retracing."""
    parser.annotate(picture(), Views((0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5), flip=False))
    assert "retracing" not in caplog.text
