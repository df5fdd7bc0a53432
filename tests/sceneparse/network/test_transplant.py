"""ImageNet weights in FCN-8s: what is copied, and that a network without its head begins by guessing."""

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from network_params import model_params

from sceneparse.dataset.images import MEAN_RGB
from sceneparse.network.backbones import find_backbone
from sceneparse.network.fcn8s import build_fcn8s
from sceneparse.network.imagenet_weights import Backbone, read_keras_weights
from stages.train.losses import pixel_cross_entropy
from stages.train.start import transplant

WIDTH = 1 / 32
CHANNELS = (2, 4, 8, 16, 16)
UNITS = 128


def classifier(backbone):
    """VGG as keras.applications builds it, narrow: BGR with the mean subtracted in, fc2's activations out."""
    x = image = keras.Input((224, 224, 3))
    for block, (filters, count) in enumerate(zip(CHANNELS, find_backbone(backbone).convolutions, strict=True), 1):
        for index in range(1, count + 1):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{block}_conv{index}")(x)
        x = layers.MaxPooling2D(2, 2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(UNITS, activation="relu", name="fc1")(x)
    x = layers.Dense(UNITS, activation="relu", name="fc2")(x)
    return keras.Model(image, x)


def save_as_keras_applications(model, path):
    """The published files' layout: a group per layer, names in attributes."""
    with h5py.File(path, "w") as file:
        named = [layer for layer in model.layers if layer.weights]
        file.attrs["layer_names"] = [layer.name.encode() for layer in named]
        for layer in named:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_W_1:0", f"{layer.name}_b_1:0"]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, layer.weights, strict=True):
                group[name] = variable.numpy()


@pytest.mark.parametrize(("backbone", "input_std"), [("vgg16", 1.0), ("vgg16", 58.0), ("vgg19", 1.0)])
def test_fc7_equals_the_classifier(backbone, input_std, tmp_path):
    vgg, generator = classifier(backbone), np.random.default_rng(1)
    for layer in vgg.layers:
        if layer.weights:  # biases too, or a swapped one would not show
            kernel = layer.kernel
            kernel.assign(generator.normal(0, (2 / np.prod(kernel.shape[:-1])) ** 0.5, kernel.shape))
            layer.bias.assign(generator.normal(0, 1, layer.bias.shape))
    save_as_keras_applications(vgg, tmp_path / "top.h5")

    read = read_keras_weights(tmp_path / "top.h5")
    params = model_params(backbone=backbone, width=WIDTH, input_std=input_std)
    fcn = build_fcn8s(3, params)
    transplant(fcn, read, params)
    fc7 = keras.Model(fcn.input, fcn.get_layer("fc7").output)

    picture = np.random.default_rng(2).integers(0, 256, (1, 224, 224, 3), np.uint8)
    bgr = (picture.astype(np.float32) - np.array(MEAN_RGB, np.float32))[..., ::-1]
    expected = vgg(bgr).numpy()[0]
    features = fc7(picture).numpy()  # [1, 7, 7, UNITS]: the centre sees the whole last feature map
    assert read.name == backbone
    assert expected.std() > 0
    np.testing.assert_allclose(input_std * features[0, 3, 3], expected, rtol=1e-4, atol=1e-4 * abs(expected).max())


@pytest.mark.parametrize("top", [True, False], ids=["top", "notop"])
@pytest.mark.parametrize("head_init", ["he", "normal"])
def test_fc6_and_fc7_stay_random_where_they_are_not_given_or_not_wanted(top, head_init):
    params = model_params(width=1 / 64, head_init=head_init)
    fcn = build_fcn8s(3, params)
    before = {layer.name: layer.get_weights() for layer in fcn.layers if layer.weights}
    weights = sevens(fcn, ("conv", "fc") if top else ("conv",))
    copied = transplant(fcn, Backbone("vgg16", weights, None), params)
    taken = {name for name in before if all((part.numpy() == 7).all() for part in fcn.get_layer(name).weights)}
    kinds = ("conv", "fc") if top and head_init == "he" else ("conv",)
    assert taken == set(copied) == {name for name in before if name.startswith(kinds)}
    for name in before.keys() - taken:
        for now, then in zip(fcn.get_layer(name).get_weights(), before[name], strict=True):
            np.testing.assert_array_equal(now, then)


def sevens(network, kinds):
    """Return backbone weights of the network's layers of these kinds, all of them 7."""
    return {
        f"{layer.name}/{part}": np.full(variable.shape, 7, np.float32)
        for layer in network.layers
        if layer.name.startswith(kinds)
        for part, variable in zip(("kernel", "bias"), layer.weights, strict=True)
    }


@pytest.mark.parametrize("changes", [{}, {"upsampling": "learned"}, {"upsampling": "learned", "skips": "features"}])
@pytest.mark.parametrize("classes", [3, 11])
def test_with_convolutions_alone_the_first_loss_is_that_of_guessing(classes, changes):
    """Features of a trained backbone are large, but the scores begin at zero."""
    params = model_params(width=1 / 32, head_channels=1024, **changes)
    fcn = build_fcn8s(classes, params)
    transplant(fcn, Backbone("vgg16", sevens(fcn, ("conv",)), None), params)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2, 32, 32, 3), np.uint8)
    labels = generator.integers(0, classes, (2, 32, 32), np.uint8)
    total, count = pixel_cross_entropy(labels, fcn(images, training=True), [1.0] * classes)
    assert float(total / count) == pytest.approx(np.log(classes), rel=1e-6)
