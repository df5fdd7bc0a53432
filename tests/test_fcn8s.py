"""The network: the published size, the published wiring, and use on pictures of any size."""

import json
import math
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from cards import make_card

from stages.data.images import MEAN_RGB
from stages.model.fcn8s import build_fcn8s, multiply_accumulates, segment, transplant
from stages.model.saving import save_model


@pytest.fixture(scope="module")
def narrow():
    """A narrow network with random score layers, so that its logits say something."""
    model = build_fcn8s(5, width=1 / 32, seed=3)
    generator = np.random.default_rng(0)
    for name in ("score_fr", "score_pool4", "score_pool3"):
        kernel, _ = model.get_layer(name).weights
        kernel.assign(generator.normal(0, 0.1, kernel.shape))
    return model


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (1, height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("backbone", "parameters", "gmac"), [("vgg16", 134_990_594, 27.8), ("vgg19", 140_300_290, 33.2)]
)
def test_the_published_size(backbone, parameters, gmac):
    model = build_fcn8s(150, backbone)
    assert sum(math.prod(variable.shape) for variable in model.trainable_variables) == parameters
    assert round(multiply_accumulates(model, 256, 256) / 1e9, 1) == gmac


def test_logits_are_zero_before_training():
    logits = build_fcn8s(4, width=1 / 64)(picture(64, 64))
    assert logits.shape == (1, 64, 64, 4)
    assert not np.any(logits)


def test_random_layers_keep_the_scale_of_activations():
    model = build_fcn8s(4, width=1 / 4)
    inside = keras.Model(model.input, [model.get_layer(name).output for name in ("conv1_1", "conv3_3", "conv5_3")])
    for activation in inside(picture(96, 96)):
        assert 0.1 < float(np.std(activation)) < 10


def test_layers_do_not_share_their_random_draws():
    model = build_fcn8s(4, width=1 / 16)
    first, second = (model.get_layer(name).kernel.numpy() for name in ("conv5_1", "conv5_2"))
    assert first.shape == second.shape
    assert not np.array_equal(first, second)


def test_the_same_seed_gives_the_same_network():
    one, two, other = (build_fcn8s(4, width=1 / 32, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights(), strict=True))
    assert not np.array_equal(one.get_layer("conv1_1").kernel, other.get_layer("conv1_1").kernel)


def test_skips_are_added_at_their_strides(narrow):
    """Logits = up8(up2(up2(fr) + pool4) + pool3), written out with tf.image.resize."""
    names = ("score_fr", "score_pool4", "score_pool3")
    taps = keras.Model(narrow.input, [narrow.get_layer(name).output for name in names] + [narrow.output])
    fr, pool4, pool3, logits = taps(picture(96, 64))

    def up(x, factor):
        return tf.image.resize(x, [x.shape[1] * factor, x.shape[2] * factor])

    expected = up(up(up(fr, 2) + pool4, 2) + pool3, 8)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (64, 64), (50, 100), (97, 3)])
def test_any_size_eagerly_and_in_a_graph(narrow, size):
    image = tf.constant(picture(*size))
    eager = segment(narrow, image)
    graph = tf.function(lambda x: segment(narrow, x))
    assert eager.shape == (1, *size, 5)
    np.testing.assert_allclose(eager, graph(image), rtol=1e-4, atol=1e-5)


def test_padding_is_what_the_mean_colour_is(narrow):
    """A 40 x 40 picture, and the same with mean colour painted to 64 x 64: equal logits where both exist."""
    small = picture(40, 40)
    painted = np.empty((1, 64, 64, 3), np.uint8)
    painted[:] = np.round(MEAN_RGB)
    painted[:, :40, :40] = small
    np.testing.assert_array_equal(segment(narrow, small), segment(narrow, painted)[:, :40, :40])


def test_mixed_precision_gives_float32_logits():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_fcn8s(3, width=1 / 64)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("conv1_1").compute_dtype == "bfloat16"
    assert model.get_layer("subtract_mean").compute_dtype == "float32"
    assert model(picture(32, 32)).dtype == tf.float32


def test_transplant_names_what_does_not_fit(narrow):
    layers = [layer for layer in narrow.layers if layer.name.startswith(("conv", "fc"))]
    weights = {f"{layer.name}/kernel": layer.kernel.numpy() for layer in layers}
    weights |= {f"{layer.name}/bias": layer.bias.numpy() for layer in layers}
    weights["fc7/bias"] = weights["fc7/bias"][:-1]
    del weights["conv4_2/kernel"]
    with pytest.raises(ValueError, match=r"conv4_2/kernel.*fc7/bias"):
        transplant(narrow, weights)


def test_a_saved_model_needs_no_code_of_ours(narrow, tmp_path):
    image = picture(64, 32)
    path, pixels = tmp_path / "model.keras", tmp_path / "image.npy"
    save_model(narrow, path, make_card())
    np.save(pixels, image)
    script = (
        "import sys, keras, numpy as np\n"
        f"logits = np.asarray(keras.saving.load_model({str(path)!r})(np.load({str(pixels)!r})))\n"
        "assert not any(name.partition('.')[0] == 'stages' for name in sys.modules)\n"
        f"np.save({str(tmp_path / 'logits.npy')!r}, logits)\n"
    )
    subprocess.run([sys.executable, "-I", "-c", script], check=True, cwd=tmp_path, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), narrow(image), rtol=1e-5, atol=1e-5)


def test_saving_twice_gives_the_same_bytes(narrow, tmp_path):
    for name in ("one", "two"):
        save_model(narrow, tmp_path / name / "model.keras", make_card())
    assert (tmp_path / "one/model.keras").read_bytes() == (tmp_path / "two/model.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "one/model.keras") as archive:  # two saves may fall into one second
        assert json.loads(archive.read("metadata.json"))["date_saved"].startswith("1980-01-01")
        assert {member.date_time[0] for member in archive.infolist()} == {1980}
