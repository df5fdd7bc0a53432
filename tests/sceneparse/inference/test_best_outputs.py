"""The best output of each pixel, of candidates alone and the same as of all outputs, and its probability."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from network_params import model_params

from sceneparse.inference import best_outputs as module
from sceneparse.inference.best_outputs import CHUNK, SOFTMAX_CHUNK, OutputScores, best_outputs
from sceneparse.network.coarse import PARALLEL, best_outputs_upsampled, candidates, cut_upsampling
from sceneparse.network.fcn8s import build_fcn8s

KINDS = ("logits", "probabilities")


def of_all(scores, size):
    """Resize all outputs to every pixel, then take NumPy's argmax."""
    return np.argmax(tf.image.resize(scores.upsampled(), size), axis=-1).astype(np.uint8)


def scene_like(outputs, height=9, width=12, pictures=2, seed=0):
    """A few outputs lead in smooth regions, the others follow at a distance; some are equal."""
    generator = np.random.default_rng(seed)
    values = generator.normal(-4, 1.5, (pictures, height, width, outputs)).astype(np.float32)
    leaders = generator.permutation(outputs)[: min(10, outputs)]
    regions = tf.image.resize(generator.normal(3, 4, (pictures, 3, 4, len(leaders))), (height, width), "bicubic")
    values[..., leaders] = regions + generator.normal(0, 0.5, regions.shape)
    values[..., leaders[-1]] = values[..., leaders[0]]
    return values


@pytest.mark.parametrize("outputs", [2, CHUNK, CHUNK + 1, 150])
@pytest.mark.parametrize(("factor", "shown"), [(8, (70, 90)), (1, (9, 12)), (16, (144, 192))])
@pytest.mark.parametrize("size", [(70, 90), (131, 97), (40, 33)])
def test_the_same_as_of_all_outputs(outputs, factor, shown, size):
    scores = OutputScores(scene_like(outputs), factor, shown, "logits")
    np.testing.assert_array_equal(best_outputs(scores, size).outputs, of_all(scores, size))


@pytest.mark.parametrize("factor", [1, 8])
def test_each_picture_of_upsampled_scores_has_candidates_of_its_own(factor):
    scores = np.concatenate([scene_like(150, seed=seed) for seed in range(PARALLEL)])
    expected = np.argmax(OutputScores(scores, factor, (factor * 9, factor * 12), "logits").upsampled(), axis=-1)
    np.testing.assert_array_equal(best_outputs_upsampled(scores, factor), expected)
    assert len(candidates(scores, 2)) > len(candidates(scores[:1], 2))


@pytest.mark.parametrize("spread", [0.0, 1e-7, 1e-3, 100.0])
def test_noise_has_every_output_as_a_candidate_and_loses_none(spread):
    """Outputs that differ by less than rounding, or win a pixel each."""
    values = np.random.default_rng(1).normal(3, spread, (1, 6, 6, 70)).astype(np.float32)
    scores = OutputScores(values, 8, (48, 48), "logits")
    np.testing.assert_array_equal(best_outputs(scores, (77, 50)).outputs, of_all(scores, (77, 50)))


def test_candidates_by_hand():
    """Output 3 is the best in a corner that pixels share with others; 2 is always below 0; 4 equals 0; 5 is near it."""
    values = np.zeros((1, 1, 6, 6), np.float32)
    values[..., 1], values[..., 2], values[..., 3], values[..., 5] = -5, -1, -2, -1e-7
    values[0, 0, 0, 3] = 1
    assert candidates(values, 2).numpy().tolist() == [0, 3, 4, 5]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [..., (0, 1, 2, 1)])
def test_scores_that_are_no_numbers_leave_candidates(value, where):
    values = np.zeros((1, 4, 4, 3), np.float32)
    values[where] = value
    assert best_outputs(OutputScores(values, 8, (32, 32), "logits"), (20, 20)).outputs.max() < 3
    assert len(candidates(values, 3)) > 0


def test_few_outputs_are_candidates_where_few_lead():
    assert 3 < len(candidates(scene_like(150, 32, 32, 1), 3)) < 25


def test_scores_in_slabs_have_the_same_candidates(monkeypatch):
    scores = OutputScores(scene_like(70, 31, 8), 8, (248, 64), "logits")
    whole = candidates(scores.values, 3).numpy().tolist()
    monkeypatch.setattr(module, "SLAB", 8 * 70 * 2 * 3)
    np.testing.assert_array_equal(best_outputs(scores, (100, 90)).outputs, of_all(scores, (100, 90)))
    assert module._all_candidates(scores).tolist() == whole


def test_ties_go_to_the_first_output_as_in_argmax():
    values = np.zeros((1, 2, 2, 2 * CHUNK + 1), np.float32)
    values[0, 0, 1, [CHUNK, CHUNK + 1, 2 * CHUNK]] = 1
    for kind, confidence in itertools.product(KINDS, (False, True)):
        best = best_outputs(OutputScores(values, 1, (2, 2), kind), (2, 2), confidence)
        assert best.outputs.tolist() == [[[0, CHUNK], [0, 0]]]


@pytest.mark.parametrize("outputs", [1, 3, SOFTMAX_CHUNK, 2 * SOFTMAX_CHUNK + 5])
def test_the_percent_is_that_of_a_softmax_of_all_outputs(outputs):
    """Logits far from 0 are no trouble, and neither is the order in which chunks of outputs come."""
    values = np.random.default_rng(0).normal(size=(2, 5, 7, outputs)).astype(np.float32)
    values = np.concatenate([4 * values, 300 + 9 * values, -300 + values[..., ::-1]], axis=1)
    size, scores = (31, 20), OutputScores(values, 8, (120, 50), "logits")
    found = best_outputs(scores, size, confidence=True)
    assert found.percent.dtype == np.uint8
    assert np.array_equal(found.outputs, best_outputs(scores, size).outputs)
    expected = 100 * tf.reduce_max(tf.nn.softmax(tf.image.resize(scores.upsampled(), size)), axis=-1)
    assert np.abs(found.percent - expected).max() < 0.51

    probabilities = tf.nn.softmax(values).numpy()
    means = best_outputs(OutputScores(probabilities, 1, (15, 7), "probabilities"), size, confidence=True)
    assert np.abs(means.percent - 100 * tf.reduce_max(tf.image.resize(probabilities, size), axis=-1)).max() < 0.51
    assert best_outputs(scores, size).percent is None


@pytest.mark.parametrize(
    ("upsampling", "stride", "factor"),
    [("bilinear", 8, 8), ("bilinear", 32, 32), ("bilinear", 4, 4), ("learned", 8, 1)],
)
def test_a_networks_scores_upsampled_are_its_logits(upsampling, stride, factor):
    network = build_fcn8s(3, model_params(width=1 / 64, upsampling=upsampling, stride=stride), seed=1)
    for layer in network.layers:
        if layer.name.startswith("score"):
            layer.kernel.assign(np.random.default_rng(0).normal(0, 1, layer.kernel.shape))
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3), np.uint8)
    coarse, got = cut_upsampling(network)
    assert got == factor
    logits = network(images, training=False)
    scores = OutputScores(coarse(images, training=False), factor, (64, 96), "logits")
    np.testing.assert_array_equal(scores.upsampled(), logits)
    assert np.std(logits) > 0.01
