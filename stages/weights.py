"""Stage weights: the ImageNet classifier that FCN-8s starts from, in the form that train reads.

Input: params.weights.source, the path of a Keras VGG 'top' weights file (HDF5), with its digest in
params.weights.digest, or of a source file (stages/data/source.py): such a file on a server with its digest, as
sources/vgg16.yaml, or sources/none.yaml. Nothing is parsed before its digest matched. Output: a directory with
backbone.json and, unless none, backbone.npz (see stages/model/backbone.py).
"""

from pathlib import Path

from stages.data.fetch import copy, fetch, unpinned, verify
from stages.data.source import Fetched, NoWeights, read_source
from stages.flags import run_stage
from stages.model.backbone import read_keras_top, save_backbone
from stages.params import Params


def weights(params: Params, cache: Path, backbone: Path) -> None:
    """Write the directory `backbone`; the Keras file and unfinished downloads stay in `cache`. Raises InputError."""
    name, digest, file = params.weights.source, params.weights.digest, cache / "backbone.h5"
    match read_source(name, NoWeights, Fetched):
        case NoWeights():
            save_backbone(backbone, None, None)
            print(f"{backbone}: no pretrained weights")
            return
        case Fetched(url=url, digest=digest, size_bytes=size_bytes):
            fetch(url, file, digest=digest, size_bytes=size_bytes, cache=cache, pin=name)
        case Path() as path:
            copy(path, file)
            pin = "weights.digest of params.yaml"
            if digest is None:
                raise unpinned(file, name, pin=pin)
            verify(file, name, digest, None, pin=pin)
    network, found = read_keras_top(file)
    save_backbone(backbone, (network, found), digest)
    print(f"{backbone}: {network}, {sum(weight.size for weight in found.values()):,} weights")


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
