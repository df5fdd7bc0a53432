"""Start of a training: a trained model's layers come along, those of other classes are initialised and logged."""

import logging

import numpy as np
import pytest
from cards import card_content, make_card
from network_params import model_params

from sceneparse.core.errors import InputError, TransientError
from sceneparse.core.files import file_digest
from sceneparse.network.fcn8s import build_fcn8s
from sceneparse.network.imagenet_weights import save_backbone
from sceneparse.network.saving import save_model
from stages.train.start import read_start

CLASSES = ("sky", "road", "tree")


def trained(path, classes=CLASSES, **params):
    """A saved model, none of whose variables is as it was made."""
    network = model_params(**{"width": 1 / 64, **params})
    model = build_fcn8s(len(classes), network, seed=1)
    generator = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([generator.normal(size=weight.shape) for weight in layer.get_weights()])
    recorded = {"model": network.model_dump(mode="json"), "train": {}}
    save_model(model, path, make_card(**{**card_content(classes), "params": recorded}))
    return model


def started(path, classes=CLASSES, **params):
    network = model_params(**{"width": 1 / 64, **params})
    initialize, files = read_start(path, network, classes)
    assert files == [path]
    model = build_fcn8s(len(classes), network, seed=2)
    origin = initialize(model)
    assert {*origin.copied, *origin.initialised} == with_weights(model)
    assert origin.digest == file_digest(path)
    return model


def equal_layers(first, second):
    """Names of the layers that both have, with the same weights."""
    theirs = {layer.name: layer.get_weights() for layer in second.layers if layer.weights}
    return {
        layer.name
        for layer in first.layers
        if layer.name in theirs
        and all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), theirs[layer.name], strict=True))
    }


def with_weights(model):
    return {layer.name for layer in model.layers if layer.weights}


@pytest.mark.parametrize("params", [{}, {"normalization": "batch", "upsampling": "learned"}], ids=["plain", "learned"])
def test_the_same_classes_take_over_all_layers(tmp_path, params):
    source = trained(tmp_path / "model.keras", **params)
    model = started(tmp_path / "model.keras", **params)
    assert equal_layers(model, source) == with_weights(model) == with_weights(source)


def test_the_papers_path_from_32s_to_16s_to_8s_and_on(tmp_path, caplog):
    """Each begins as the one before: only its new skip is new, and says nothing yet."""
    source = trained(tmp_path / "fcn32s.keras", stride=32)
    picture = np.random.default_rng(1).integers(0, 256, (1, 160, 160, 3), np.uint8)
    for stride, skip in ((16, "score_pool4"), (8, "score_pool3"), (4, "score_pool2")):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            model = started(tmp_path / f"fcn{stride * 2}s.keras", stride=stride)
        assert f"; initialised {skip}\n" in caplog.text
        assert equal_layers(model, source) == with_weights(model) - {skip}
        assert not np.any(model.get_layer(skip).kernel)
        # Twice by 2 and then by 16 is not quite once by 32, but close.
        difference = np.abs(np.asarray(model(picture)) - np.asarray(source(picture))).mean()
        assert difference < 0.1 * np.std(np.asarray(source(picture)))
        recorded = {"model": model_params(width=1 / 64, stride=stride).model_dump(mode="json"), "train": {}}
        save_model(model, tmp_path / f"fcn{stride}s.keras", make_card(params=recorded))
        source = model


@pytest.mark.parametrize(
    "classes", [("sky", "road"), ("sky", "road", "house"), ("road", "sky", "tree")], ids=["fewer", "other", "order"]
)
def test_other_classes_get_new_score_layers_aloud(tmp_path, caplog, classes):
    source = trained(tmp_path / "model.keras")
    with caplog.at_level(logging.INFO):
        model = started(tmp_path / "model.keras", classes)
    scores = {"score_fr", "score_pool4", "score_pool3"}
    assert equal_layers(model, source) == with_weights(model) - scores
    assert not any(np.any(model.get_layer(name).kernel) for name in scores)
    assert "has other classes: the score layers are initialised" in caplog.text
    assert "; initialised score_fr, score_pool4, score_pool3\n" in caplog.text


def test_other_as_a_class_is_another_set_of_classes(tmp_path, caplog):
    trained(tmp_path / "model.keras", CLASSES)
    with caplog.at_level(logging.INFO):
        started(tmp_path / "model.keras", ("sky", "road"), other="class")  # three outputs as well
    assert "; initialised score_fr, " in caplog.text


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"width": 1 / 32}, "conv1_1"),
        ({"backbone": "vgg19"}, "conv3_4, conv4_4, conv5_4"),
        ({"normalization": "batch"}, "conv1_1"),
        ({"input_std": 58.0}, "input_std 1.0"),  # all shapes fit
        ({"pooling": "average"}, "pooling max"),
        ({"head_input": "conv5_3"}, "head_input pool5"),
    ],
)
def test_another_network_is_refused_by_what_differs(tmp_path, params, named):
    trained(tmp_path / "model.keras")
    with pytest.raises(InputError, match="another network") as refusal:
        started(tmp_path / "model.keras", **params)
    assert named in str(refusal.value)


def test_what_is_no_model_of_ours_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no model"):
        read_start(tmp_path / "model.keras", model_params(), CLASSES)
    (tmp_path / "model.keras").write_bytes(b"no model")
    with pytest.raises(InputError, match="damaged"):
        read_start(tmp_path / "model.keras", model_params(), CLASSES)


def test_a_start_that_is_replaced_after_its_check_is_refused(tmp_path):
    """TensorFlow loads in between, and the fingerprint of the checkpoints is that of the first one."""
    trained(tmp_path / "model.keras")
    trained(tmp_path / "new.keras", ("tree", "road", "sky"))
    initialize, _ = read_start(tmp_path / "model.keras", model_params(width=1 / 64), CLASSES)
    (tmp_path / "new.keras").replace(tmp_path / "model.keras")
    with pytest.raises(TransientError, match="the model was replaced while it was read"):
        initialize(build_fcn8s(3, model_params(width=1 / 64)))


def test_no_weights_leave_the_network_random(tmp_path):
    save_backbone(tmp_path / "backbone", None)
    initialize, files = read_start(tmp_path / "backbone", model_params(), CLASSES)
    assert initialize is None
    assert files == [tmp_path / "backbone/backbone.json"]
