"""Large pictures in tiles: where they lie, that no seam shows, and how labels of large pictures are made in bands."""

import numpy as np
import pytest
import tensorflow as tf
from cards import card_content, make_card
from PIL import Image
from small_model import SIZE, save_small_model

from sceneparse.dataset.picture_formats import TooLargeError
from sceneparse.inference import best_outputs
from sceneparse.inference.loading import load_parser
from sceneparse.inference.parser import Compiled, SceneParser
from sceneparse.inference.tiles import OVERLAP, annotate_tiled, plan_tiles, tiled_probabilities
from sceneparse.inference.views import ONE_VIEW, Views

SIDES = [(300, 500), (1000, 200), (64, 2000), (513, 511), (101, 101)]


@pytest.fixture(scope="module")
def parser(tmp_path_factory):
    model = save_small_model(tmp_path_factory.mktemp("model"))
    return load_parser(model, None)


def of_mode(mode, network):
    """A parser whose card says how pictures are fitted; the network may be any function of pictures."""
    preprocessing = {**card_content()["preprocessing"], "mode": mode, "size": SIZE}
    return SceneParser(Compiled(network), make_card(preprocessing=preprocessing), "")


def scene(height, width, seed=0):
    """Smooth regions of one colour each."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    blurred = Image.fromarray(coarse).resize((width // 8, height // 8), Image.Resampling.NEAREST)
    return np.asarray(blurred.resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("mode", ["squash", "letterbox", "crop"])
@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("pixels", [10_000, 40_000])
def test_tiles_cover_the_picture_and_overlap(mode, height, width, pixels):
    parser = of_mode(mode, None)
    tiling = plan_tiles(parser, width, height, pixels)
    covered = np.zeros(tiling.canvas, int)
    for top, left in tiling.corners:
        covered[top : top + tiling.window[0], left : left + tiling.window[1]] += 1
    assert covered.min() >= 1
    assert covered.sum() == len(tiling.corners) * np.prod(tiling.window), "none reaches over the canvas"
    for starts, window in zip((tiling.tops, tiling.lefts), tiling.window, strict=True):
        assert np.diff(starts).max(initial=0) <= window * (1 - OVERLAP) + 1
    shown = height * width * np.prod(tiling.window) / np.prod(tiling.canvas)
    assert shown <= 1.05 * pixels, "of the picture, in a tile"
    assert tiling.area == covered.size


def test_thin_tiles_are_few_at_a_time_or_refused():
    """Mode crop makes 40 squares of a tile of 200 x 5, and 80 of one of 400 x 5."""
    batches = set()

    def counting(images, training=False):
        batches.add(images.shape[0])
        return tf.zeros((*images.shape[:3], 3))

    parser, image = of_mode("crop", counting), scene(8, 1000)[:5]
    tiling = plan_tiles(parser, 1000, 5, 200 * 200)
    assert annotate_tiled(parser, image, tiling).annotation.shape == (5, 1000)
    assert batches == {1}
    with pytest.raises(TooLargeError):
        plan_tiles(parser, 1000, 5, 400 * 400)
    with pytest.raises(TooLargeError):
        plan_tiles(parser, 1000, 5, 200 * 200, Views((2.0,), flip=False))


def test_no_more_tiles_than_one_are_one_look(parser):
    image = scene(120, 160)
    tiling = plan_tiles(parser, 160, 120, 160 * 160)
    assert tiling.corners == [(0, 0)]
    assert tiling.canvas == (SIZE, SIZE)
    # Of probabilities instead of logits, between whose places the argmax is another.
    assert (annotate_tiled(parser, image, tiling).annotation == parser.annotate(image)).mean() > 0.97


def test_no_seam_where_tiles_meet():
    """A network at its worst, sure of one class at a tile's left and of another at its right, changes smoothly too."""

    def torn(images, training=False):
        height, width = images.shape[1:3]
        across = tf.linspace(-8.0, 8.0, width)[tf.newaxis, tf.newaxis, :, tf.newaxis]
        down = tf.linspace(-8.0, 8.0, height)[tf.newaxis, :, tf.newaxis, tf.newaxis]
        logits = tf.concat([across + 0 * down, 0 * across + down, 0 * across * down], -1)
        return tf.tile(logits, [images.shape[0], 1, 1, 1])

    parser, image = of_mode("squash", torn), scene(400, 600)
    tiling = plan_tiles(parser, 600, 400, 200 * 200)
    assert len(tiling.corners) > 9
    probabilities = tiled_probabilities(parser, image, tiling, ONE_VIEW, 8)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)
    within = np.abs(np.diff(np.asarray(tf.nn.softmax(torn(np.zeros((1, *tiling.window, 3)))))[0], axis=1)).max()
    for axis, starts in ((0, tiling.tops), (1, tiling.lefts)):
        steps = np.abs(np.diff(probabilities, axis=axis)).max(axis=(1 - axis, 2))
        borders = [place for start in starts for place in (start, start + tiling.window[axis]) if place < len(steps)]
        borders = [place - 1 for place in borders if place]
        assert steps[borders].max() < 1.2 * within, "no step at a border is larger than those within one tile"
    unweighted = np.zeros(tiling.canvas)
    for top, left in tiling.corners:  # where tiles are laid side by side, the last one on top
        place = slice(top, top + tiling.window[0]), slice(left, left + tiling.window[1])
        unweighted[place] = np.asarray(tf.nn.softmax(torn(np.zeros((1, *tiling.window, 3)))))[0, ..., 0]
    assert np.abs(np.diff(unweighted, axis=1)).max() > 5 * within, "so the test can fail"


@pytest.mark.parametrize("views", [ONE_VIEW, Views((1.0, 0.75), flip=True)])
def test_smooth_regions_stay_whole_across_tiles(parser, views):
    """The labels change along a tile's border no more often than elsewhere, and are mostly those of a single look."""
    image = scene(320, 480)
    tiling = plan_tiles(parser, 480, 320, 240 * 240)
    tiled, whole = annotate_tiled(parser, image, tiling, views, 4).annotation, parser.annotate(image, views)
    assert tiled.shape == (320, 480)
    assert len(np.unique(whole)) > 1
    assert (tiled == whole).mean() > 0.8
    changes = (tiled[:, 1:] != tiled[:, :-1]).mean(0)
    scale = 480 / tiling.canvas[1]
    borders = {round(place * scale) - 1 for left in tiling.lefts for place in (left, left + tiling.window[1])}
    inside = [place for place in borders if 0 <= place < len(changes)]
    assert inside
    assert changes[inside].max() <= max(np.quantile(changes, 0.99), 3 / 320)


def test_a_tile_sees_its_own_part_of_the_picture():
    """A network that says what it is shown gives back the picture."""

    def echo(images, training=False):
        return tf.cast(images, tf.float32) / 16

    parser = of_mode("squash", echo)
    image = scene(400, 300, seed=1)
    tiling = plan_tiles(parser, 300, 400, 150 * 150)
    probabilities = tiled_probabilities(parser, image, tiling, ONE_VIEW, 3)
    resized = np.asarray(Image.fromarray(image).resize(tiling.canvas[::-1], Image.Resampling.BILINEAR))
    np.testing.assert_allclose(probabilities, np.asarray(tf.nn.softmax(echo(resized))), atol=0.12)
    assert np.abs(probabilities - np.asarray(tf.nn.softmax(echo(resized)))).mean() < 0.01


def test_labels_in_bands_are_the_labels(parser, monkeypatch):
    values = np.random.default_rng(0).normal(size=(1, 20, 30, 3)).astype(np.float32)
    scores = best_outputs.OutputScores(values, 1, (20, 30), "logits")
    whole = parser.decide(scores, (301, 200), confidence=True)
    monkeypatch.setattr(best_outputs, "BAND", 2 * 3 * 200 * 37)
    bands = parser.decide(scores, (301, 200), confidence=True)
    assert bands.annotation.shape == bands.confidence.shape == (301, 200)
    assert (bands.annotation == whole.annotation).mean() > 0.9999, "but for ties that rounding decides"
    assert (bands.confidence == whole.confidence).mean() > 0.999
    monkeypatch.setattr(best_outputs, "BAND", 100)
    rows = parser.decide(scores, (301, 200))
    assert (rows.annotation == whole.annotation).mean() > 0.9999, "a row at a time, less than a band"
