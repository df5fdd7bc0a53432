"""VGG19: configuration E, the backbone of the 2017 implementation."""

from sceneparse.network.backbones.vgg import Vgg

BACKBONE = Vgg((2, 2, 4, 4, 4))
