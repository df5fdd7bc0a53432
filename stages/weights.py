"""Stage weights: the ImageNet classifier that FCN-8s starts from, in the form that train reads.

Input: params.weights.source, a Keras VGG 'top' weights file (HDF5) by URL or path, or none; its
pinned digest, without which nothing is parsed. Output: a directory with backbone.json and, unless
none, backbone.npz (see stages/model/backbone.py). The official files:
    https://storage.googleapis.com/tensorflow/keras-applications/
        vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5  md5:64373286793e3c8b2b4e3219cbf3544b
        vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5  md5:cbe5617147190e668d6c5d5026f83318
"""

from pathlib import Path

from stages.data.fetch import fetch, unpinned
from stages.flags import run_stage
from stages.model.backbone import read_keras_top, save_backbone
from stages.params import Params


def weights(params: Params, cache: Path, backbone: Path) -> None:
    """Write the directory `backbone`; the Keras file and unfinished downloads stay in `cache`. Raises InputError."""
    source, digest = params.weights.source, params.weights.digest
    if source == "none":
        save_backbone(backbone, None, None)
        print(f"{backbone}: no pretrained weights")
        return
    file = cache / "backbone.h5"
    fetch(source, file, digest=digest, size_bytes=params.weights.size_bytes, cache=cache)
    if digest is None:
        raise unpinned(file, source)
    name, found = read_keras_top(file)
    save_backbone(backbone, (name, found), digest)
    print(f"{backbone}: {name}, {sum(weight.size for weight in found.values()):,} weights")


def main() -> None:
    """Run the stage from the command line."""
    run_stage(
        weights,
        reads={},
        writes={
            "cache": "folder for the Keras file and unfinished downloads; no output",
            "backbone": "directory of the converted weights",
        },
    )


if __name__ == "__main__":
    main()
