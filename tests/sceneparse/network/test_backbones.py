"""Backbones: a module for each value of model.backbone."""

import subprocess
import sys
from typing import get_args

import pytest
from network_params import model_params

from sceneparse.core.errors import InputError
from sceneparse.network.backbones import NAMES, find_backbone
from sceneparse.network.backbones.vgg import Vgg
from sceneparse.params.model import Model


def test_a_module_for_each_value_of_the_params():
    assert list(get_args(Model.model_fields["backbone"].annotation)) == NAMES
    for name in NAMES:
        layers = [layer.name for layer in find_backbone(name).weights_layers()]
        assert layers[0] == "conv1_1"
        assert layers[-2:] == ["fc6", "fc7"]


def test_reading_weights_imports_no_keras(root):
    code = "import sys, sceneparse.network.imagenet_weights; assert not {'keras', 'tensorflow'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_a_head_input_that_a_backbone_lacks_is_refused():
    from sceneparse.network.layers import Layers

    make = Layers(model_params(head_input="conv5_3"), 3, 0)
    with pytest.raises(InputError) as refused:
        Vgg((1, 1, 2, 2, 2)).build(None, make)
    assert (refused.value.got, refused.value.file) == ("conv5_3", "params.yaml")
