"""Backbones below the FCN: a module for each value of model.backbone, whose BACKBONE is its definition.

A definition builds five feature maps and names the layers of its ImageNet weights file (see vgg.py). Another backbone
is another module here and another value in sceneparse/params/model.py.
"""

import pkgutil
from importlib import import_module

from sceneparse.network.backbones.vgg import Vgg

NAMES = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "vgg")


def find_backbone(name: str) -> Vgg:
    """Return the definition of the backbone `name`, a value of model.backbone."""
    backbone: Vgg = import_module(f"{__name__}.{name}").BACKBONE
    return backbone
