"""VGG16: configuration D, the backbone of the published FCN-8s."""

from sceneparse.network.backbones.vgg import Vgg

BACKBONE = Vgg((2, 2, 3, 3, 3))
