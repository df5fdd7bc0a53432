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
from network_params import ANCESTOR, model_params

from sceneparse.dataset.images import MEAN_RGB
from sceneparse.network.fcn8s import build_fcn8s, multiply_accumulates
from sceneparse.network.imagenet_weights import Backbone
from sceneparse.network.layers import bilinear_kernel
from sceneparse.network.padding import compute_logits
from sceneparse.network.saving import save_model
from stages.train.start import transplant


@pytest.fixture(scope="module")
def narrow():
    """A narrow network with random score layers, so that its logits say something."""
    model = build_fcn8s(5, model_params(width=1 / 32), seed=3)
    generator = np.random.default_rng(0)
    for name in ("score_fr", "score_pool4", "score_pool3"):
        kernel, _ = model.get_layer(name).weights
        kernel.assign(generator.normal(0, 0.1, kernel.shape))
    return model


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (1, height, width, 3), np.uint8)


@pytest.fixture
def without_values():
    """Variables have shapes alone, so that a network of full size takes no memory."""
    with keras.StatelessScope(initialize_variables=False):
        yield
    keras.backend.clear_session()  # else the next scope that ends gives them values


@pytest.mark.usefixtures("without_values")
@pytest.mark.parametrize(
    ("backbone", "parameters", "gmac"), [("vgg16", 134_990_594, 27.8), ("vgg19", 140_300_290, 33.2)]
)
def test_the_published_size(backbone, parameters, gmac):
    model = build_fcn8s(150, model_params(backbone=backbone))
    assert sum(math.prod(variable.shape) for variable in model.trainable_variables) == parameters
    assert round(multiply_accumulates(model, 256, 256) / 1e9, 1) == gmac


@pytest.mark.usefixtures("without_values")
def test_learned_upsampling_costs_what_the_dense_kernels_cost():
    model = build_fcn8s(150, model_params(upsampling="learned"))
    assert round(multiply_accumulates(model, 256, 256) / 1e9, 1) == 33.8


@pytest.mark.usefixtures("without_values")
def test_the_ancestors_size():
    """153,419,886 at 151 outputs, of which 2,359,808 lie in conv5_4, which nothing of it used."""
    model = build_fcn8s(150, model_params(**ANCESTOR))
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    assert parameters == 151_060_078
    assert parameters + 512 * 512 * 9 + 512 == 153_419_886
    assert model.output_shape == (None, None, None, 151)


def test_the_ancestors_wiring():
    """Raw pools of averages, conv5_3 before its ReLU under a max, and N(0, 0.02) in all of the head."""
    model = build_fcn8s(4, model_params(**ANCESTOR | {"width": 1 / 8}))
    names = ("pool3", "pool4", "pool5", "conv3_4", "conv5_3", "expand_pool4", "expand_pool3", "fuse_pool3")
    taps = keras.Model(model.input, {name: model.get_layer(name).output for name in names})
    outputs = {name: np.asarray(value) for name, value in taps(picture(64, 96)).items()}
    blocks = outputs["conv3_4"].reshape(1, 8, 2, 12, 2, -1)
    np.testing.assert_allclose(outputs["pool3"], blocks.mean((2, 4)), rtol=1e-5)
    assert outputs["conv5_3"].min() < 0
    np.testing.assert_array_equal(outputs["pool5"], outputs["conv5_3"].reshape(1, 2, 2, 3, 2, -1).max((2, 4)))
    fused = model.get_layer("expand_pool3")(outputs["expand_pool4"] + outputs["pool4"]) + outputs["pool3"]
    np.testing.assert_allclose(outputs["fuse_pool3"], fused, rtol=1e-4, atol=1e-4)
    for name in ("fc6", "fc7", "score_fr", "expand_pool4", "expand_pool3", "expand8"):
        kernel = np.asarray(model.get_layer(name).kernel)
        # A normal distribution cut off at two standard deviations has 0.88 of its spread.
        assert np.abs(kernel).max() < 0.04
        assert kernel.std() == pytest.approx(0.02 * 0.88, rel=0.1)


def test_the_heads_channels_follow_the_width():
    model = build_fcn8s(4, model_params(width=1 / 4, head_channels=256))
    assert model.get_layer("fc6").kernel.shape == (7, 7, 128, 64)
    assert model.get_layer("fc7").kernel.shape == (1, 1, 64, 64)
    assert model.get_layer("score_fr").kernel.shape == (1, 1, 64, 4)


def test_features_begin_at_the_scale_of_the_pools():
    """With He initialisation: what is added to a pool is about as large, and the logits are zero."""
    changes = {"width": 1 / 4, "input_std": 58.0, "skips": "features", "upsampling": "learned", "dropout": 0.0}
    model = build_fcn8s(4, model_params(**changes))
    kernel = model.get_layer("score_fr").kernel
    assert kernel.numpy().std() > 0
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape) / kernel.shape[2] ** 0.5)
    names = ("score_fr", "expand_pool4", "fuse_pool4", "expand_pool3")
    taps = keras.Model(model.input, [model.get_layer(name).output for name in names])
    scores, expanded, fused, again = (np.asarray(value).std() for value in taps(picture(128, 128)))
    assert 0.25 < expanded / scores < 4
    assert 0.25 < again / fused < 4
    assert not np.any(model(picture(64, 64)))


@pytest.mark.parametrize("factor", [2, 8])
def test_learned_upsampling_begins_as_bilinear(factor):
    """Equal to tf.image.resize up to the border, where the transposed convolution fades."""
    x = tf.constant(np.random.default_rng(0).normal(size=(1, 7, 9, 3)), tf.float32)
    upsampled = tf.nn.conv2d_transpose(
        x, bilinear_kernel(factor, 3), (1, 7 * factor, 9 * factor, 3), factor, padding="SAME"
    )
    expected = tf.image.resize(x, [7 * factor, 9 * factor])
    inner = slice(factor // 2, -(factor // 2))
    np.testing.assert_allclose(upsampled[:, inner, inner], expected[:, inner, inner], rtol=1e-5, atol=1e-6)


def test_learned_upsampling_in_the_network_begins_as_the_fixed_one(narrow):
    learned = build_fcn8s(5, model_params(width=1 / 32, upsampling="learned"), seed=3)
    for layer in narrow.layers:
        if layer.weights:
            learned.get_layer(layer.name).set_weights(layer.get_weights())
    image = picture(160, 160)
    inner = slice(48, -48)  # each upsampling differs at its own border
    np.testing.assert_allclose(learned(image)[:, inner, inner], narrow(image)[:, inner, inner], rtol=1e-4, atol=1e-5)
    assert [v.path for v in learned.trainable_variables if "upscore" in v.path] == [
        "upscore2/kernel",
        "upscore_pool4/kernel",
        "upscore8/kernel",
    ]


@pytest.mark.parametrize(("stride", "skips"), [(32, 0), (16, 1), (8, 2), (4, 3)])
def test_the_papers_three_nets_and_a_finer_one(stride, skips):
    model = build_fcn8s(3, model_params(width=1 / 64, stride=stride))
    assert sum(layer.name.startswith("score_pool") for layer in model.layers) == skips
    assert model.get_layer(f"upscore{stride}").size == (stride, stride)
    assert model(picture(64, 32)).shape == (1, 64, 32, 3)


def test_normalized_layers_have_unit_spread_in_training():
    model = build_fcn8s(3, model_params(width=1 / 16, normalization="batch"))
    inside = keras.Model(model.input, model.get_layer("conv4_3_norm").output)
    normalized = np.asarray(inside(np.concatenate([picture(96, 96, seed) for seed in range(4)]), training=True))
    np.testing.assert_allclose(normalized.mean((0, 1, 2)), 0, atol=0.01)
    np.testing.assert_allclose(normalized.std((0, 1, 2)), 1, atol=0.05)
    assert not any(variable.name == "bias" for variable in model.get_layer("conv4_3").weights)


def test_logits_are_zero_before_training():
    logits = build_fcn8s(4, model_params(width=1 / 64))(picture(64, 64))
    assert logits.shape == (1, 64, 64, 4)
    assert not np.any(logits)


def test_random_layers_keep_the_scale_of_activations():
    model = build_fcn8s(4, model_params(width=1 / 4))
    inside = keras.Model(model.input, [model.get_layer(name).output for name in ("conv1_1", "conv3_3", "conv5_3")])
    for activation in inside(picture(96, 96)):
        assert 0.1 < float(np.std(activation)) < 10


def test_layers_do_not_share_their_random_draws():
    model = build_fcn8s(4, model_params(width=1 / 16))
    first, second = (model.get_layer(name).kernel.numpy() for name in ("conv5_1", "conv5_2"))
    assert first.shape == second.shape
    assert not np.array_equal(first, second)


def test_the_same_seed_gives_the_same_network():
    first, again, other = (build_fcn8s(4, model_params(width=1 / 32), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))
    assert not np.array_equal(first.get_layer("conv1_1").kernel, other.get_layer("conv1_1").kernel)


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
    eager = compute_logits(narrow, image)
    graph = tf.function(lambda x: compute_logits(narrow, x))
    assert eager.shape == (1, *size, 5)
    np.testing.assert_allclose(eager, graph(image), rtol=1e-4, atol=1e-5)


def test_every_size_keeps_its_size_and_its_inside():
    """Whatever the padding adds, logits that are far from it are those of the picture at its own place.

    Of a net that sees no farther than stride 8, which is what is far from the border of a small picture.
    """
    model = build_fcn8s(2, model_params(width=1 / 64))
    kernel = model.get_layer("score_pool3").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    whole = picture(192, 192)
    logits = np.asarray(compute_logits(model, whole))
    assert logits[:, :64, :64].std() > 0.1  # there is something to compare
    generator = np.random.default_rng(1)
    for height, width in [(1, 1), *generator.integers(1, 193, (10, 2)).tolist()]:
        cropped = np.asarray(compute_logits(model, whole[:, :height, :width]))
        assert cropped.shape == (1, height, width, 2)
        reach = 44  # pixels around one that pool3's score sees, and the interpolation
        np.testing.assert_allclose(
            cropped[:, : max(0, height - reach), : max(0, width - reach)],
            logits[:, : max(0, height - reach), : max(0, width - reach)],
            rtol=1e-4,
            atol=1e-5,
        )


def test_padding_is_what_the_mean_colour_is(narrow):
    """A 40 x 40 picture, and the same with mean colour painted to 64 x 64: equal logits where both exist."""
    small = picture(40, 40)
    painted = np.empty((1, 64, 64, 3), np.uint8)
    painted[:] = np.round(MEAN_RGB)
    painted[:, :40, :40] = small
    np.testing.assert_array_equal(compute_logits(narrow, small), compute_logits(narrow, painted)[:, :40, :40])


@pytest.mark.parametrize("changes", [{}, {"upsampling": "learned"}, ANCESTOR], ids=["fixed", "learned", "ancestor"])
def test_mixed_precision_gives_float32_logits(changes):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_fcn8s(3, model_params(**{**changes, "width": 1 / 64}))
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
        transplant(narrow, Backbone("vgg16", weights, None), model_params(width=1 / 32))


@pytest.mark.slow
def test_saved_models_need_no_code_of_ours(tmp_path):
    np.save(tmp_path / "image.npy", image := picture(64, 32))
    expected = {}
    for name, changes in {
        "published": {},
        "normalized": {"normalization": "batch", "upsampling": "learned"},
        "ancestor": ANCESTOR,
    }.items():
        network = build_fcn8s(3, model_params(**{**changes, "width": 1 / 32}))
        for score in (layer for layer in network.layers if layer.name.startswith("score")):
            score.kernel.assign(np.random.default_rng(0).normal(0, 0.1, score.kernel.shape))
        save_model(network, tmp_path / f"{name}.keras", make_card())
        expected[name] = network(image)
    script = (
        "import sys, keras, numpy as np\n"
        f"for name in {[*expected]}:\n"
        "    network = keras.saving.load_model(f'{name}.keras')\n"
        "    np.save(f'{name}.npy', np.asarray(network(np.load('image.npy'))))\n"
        "assert not any(name.partition('.')[0] in ('sceneparse', 'stages', 'pipeline') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-I", "-c", script], check=True, cwd=tmp_path, capture_output=True)
    for name, logits in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), logits, rtol=1e-5, atol=1e-5, err_msg=name)


def test_saving_twice_gives_the_same_bytes(narrow, tmp_path):
    for name in ("one", "two"):
        save_model(narrow, tmp_path / name / "model.keras", make_card())
    assert (tmp_path / "one/model.keras").read_bytes() == (tmp_path / "two/model.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "one/model.keras") as archive:  # two saves may fall into one second
        assert json.loads(archive.read("metadata.json"))["date_saved"].startswith("1980-01-01")
        assert {member.date_time[0] for member in archive.infolist()} == {1980}
