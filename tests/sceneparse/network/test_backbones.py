"""Backbones: a module for each value of model.backbone."""

import subprocess
import sys
from typing import get_args

from sceneparse.network.backbones import NAMES, find_backbone
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
