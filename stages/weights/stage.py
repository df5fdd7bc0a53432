"""Convert an ImageNet classifier's weights into the backbone that FCN-8s starts from.

Input: params.weights.source, the path of a Keras weights file of VGG16 or VGG19 (HDF5), 'top' or 'notop', with its
digest in params.weights.digest, or of a source file (sceneparse/fetch/source_files.py), which names such a file on a
server with its digest. Nothing is parsed before its digest matches. Output: a directory with backbone.json and, except
for `weights: none`, backbone.npz (see sceneparse/network/imagenet_weights.py).
"""

from pathlib import Path
from typing import Protocol

from sceneparse.core.locks import output_lock
from sceneparse.fetch.pinned import copy, fetch, unpinned, verify
from sceneparse.fetch.source_files import Fetched, NoWeights, read_source
from sceneparse.network.imagenet_weights import read_keras_weights, save_backbone
from sceneparse.params.flags import run_stage
from sceneparse.params.weights import Weights

# Next steps of those who cannot download.
WITHOUT_DOWNLOAD = (
    "download it elsewhere, and put its path into weights.source, its digest (sha256:..., from sha256sum) into "
    "weights.digest\n    "
    "or train from random weights: sceneparse init DATASET --preset scratch, or weights.source: sources/none.yaml"
)


class Sections(Protocol):
    """Sections of the params that stage weights reads."""

    weights: Weights


def weights(params: Sections, cache: Path, backbone: Path) -> None:
    """Write the directory `backbone`; downloads and the Keras file stay in `cache`. Raises InputError."""
    name, digest, file = params.weights.source, params.weights.digest, cache / "backbone.h5"
    with output_lock(file):  # no other run may exchange what this one has verified
        match read_source(name, NoWeights, Fetched):
            case NoWeights():
                save_backbone(backbone, None)
                print(f"{backbone}: no pretrained weights")
                return
            case Fetched(url=url, digest=digest, size_bytes=size_bytes):
                fetch(
                    url, file, digest=digest, size_bytes=size_bytes, cache=cache, pin=name, otherwise=WITHOUT_DOWNLOAD
                )
            case Path() as path:
                copy(path, file)
                pin = "weights.digest of params.yaml"
                if digest is None:
                    raise unpinned(file, name, pin=pin)
                verify(file, name, digest, pin=pin)
        loaded = read_keras_weights(file, digest)
        save_backbone(backbone, loaded)
    first, *_, last = (name.partition("/")[0] for name in loaded.weights)
    count = sum(array.size for array in loaded.weights.values())
    print(f"{backbone}: {loaded.name}, {first} to {last}, {count:,} weights")


def main() -> None:
    """Run the stage from the command line."""
    run_stage(
        weights,
        reads={},
        writes={
            "cache": "folder that keeps downloads and the Keras file; no output",
            "backbone": "directory for the converted weights",
        },
    )
