"""The train stage with weights of ImageNet: of the whole classifier, and of its convolutions alone."""

import json
import logging
import re

import h5py
import numpy as np
import pytest
from train_process import run_here, write_backbone

from sceneparse.core.errors import InputError
from sceneparse.core.files import file_digest
from sceneparse.network.backbones import find_backbone
from sceneparse.network.backbones.vgg import CHANNELS
from sceneparse.network.imagenet_weights import Backbone, save_backbone
from sceneparse.params.whole import load_params
from stages.weights.stage import weights

pytestmark = pytest.mark.slow


def test_imagenet_weights_of_another_width_are_refused(inputs, tmp_path):
    backbone = write_backbone(tmp_path / "backbone", "vgg16")
    with pytest.raises(InputError, match=r"got:      model.width 0.0156[\s\S]*set model.width to 1.0"):
        run_here(inputs, tmp_path, start_from=backbone)


def write_notop(path):
    """Write convolutions of VGG16's shapes, random by He, in the layout of the published file."""
    generator, inputs = np.random.default_rng(0), 3
    with h5py.File(path, "w") as file:
        layers = [layer for layer in find_backbone("vgg16").weights_layers() if not layer.dense]
        file.attrs["layer_names"] = [layer.keras_name.encode() for layer in layers]
        for _, name, side, _ in layers:
            outputs = CHANNELS[int(name[5]) - 1]
            kernel = generator.standard_normal((side, side, inputs, outputs), np.float32) * (2 / (9 * inputs)) ** 0.5
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}_W_1:0".encode(), f"{name}_b_1:0".encode()]
            group[f"{name}_W_1:0"], group[f"{name}_b_1:0"] = kernel, np.zeros(outputs, np.float32)
            inputs = outputs
    return path


def test_with_imagenets_convolutions_alone_training_begins_by_guessing(inputs, tmp_path, caplog):
    """Files of the published layout and size: what is copied stands in the log and on the card; the head is free."""
    digest = file_digest(write_notop(tmp_path / "notop.h5"))
    params = load_params(inputs / "params.yaml")
    source = params.weights.model_copy(update={"source": str(tmp_path / "notop.h5"), "digest": digest})
    weights(params.model_copy(update={"weights": source}), tmp_path / "cache", tmp_path / "backbone")
    free = {"width": 1.0, "head_channels": 8}
    changes = {"epochs": 1, "learning_rate": 1e-9, "decision": "likelihood"}
    with caplog.at_level(logging.INFO):
        run_here(inputs, tmp_path, start_from=tmp_path / "backbone", model=free, **changes)
    (loss,) = re.findall(r"epoch 1/1  loss +(\S+)", caplog.text)
    assert float(loss) == pytest.approx(np.log(16), abs=5e-4)
    convolutions = [layer.name for layer in find_backbone("vgg16").weights_layers() if not layer.dense]
    fresh = ["fc6", "fc7", "score_fr", "score_pool4", "score_pool3"]
    origin = json.loads((tmp_path / "model.json").read_text())["origin"]
    assert origin == {"digest": digest, "copied": convolutions, "initialised": fresh}
    assert f"copied {', '.join(convolutions)}; initialised {', '.join(fresh)}\n" in caplog.text


def test_the_published_head_is_needed_where_its_weights_are(inputs, tmp_path):
    head = {f"{name}/{part}": np.zeros(1, np.float32) for name in ("fc6", "fc7") for part in ("kernel", "bias")}
    save_backbone(tmp_path / "backbone", Backbone("vgg16", head, None))
    model = {"width": 1.0, "head_channels": 8}
    with pytest.raises(InputError) as refused:
        run_here(inputs, tmp_path, start_from=tmp_path / "backbone", model=model)
    assert "have 4096 channels, not 8" in refused.value.got
