"""Peak memory of the train stage for a small and a large number of images: it should not grow.

    python -m benchmarks.train_memory [--images 3000 12000]

The records are a few demo scenes under many ids, at 128 x 128, so that only their number differs;
both numbers are above the shuffle buffer's 2,048. Each run is one epoch in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML

from sceneparse.core.files import file_digest
from sceneparse.core.parallel import usable_cpus
from sceneparse.dataset.archive import Archive
from sceneparse.params.prepare import Prepare
from sceneparse.params.whole import Params
from sceneparse.records.manifest import Manifest, Shard, Split
from stages.download.demo import write_demo
from stages.prepare.encode import encode_pair

ROOT = Path(__file__).parents[1]
SIZE = 128
SHARD_IMAGES = 256


def write_records(directory: Path, dataset: Path, images: int) -> None:
    """Write records of `images` training pictures, the dataset's own repeated."""
    directory.mkdir()
    with Archive(dataset) as archive:
        classes, params = archive.classes, Prepare(size=SIZE)
        records = [encode_pair(archive, pair, params)[0] for pair in archive.pairs("training")]

    def split(name: str, count: int) -> Split:
        shards = []
        for start in range(0, count, SHARD_IMAGES):
            numbers = range(start, min(count, start + SHARD_IMAGES))
            path = directory / f"{name}-{start:07d}.tfrecord"
            path.write_bytes(b"".join(records[number % len(records)] for number in numbers))
            shards.append(Shard(path.name, len(numbers), file_digest(path)))
        return Split(tuple(map(str, range(count))), (1,) * (len(classes) + 1), tuple(shards))

    Manifest(classes, SIZE, "squash", "bilinear", split("training", images), split("validation", 8)).save(directory)


def peak_mb(scratch: Path, images: int) -> float:
    """Return the peak resident memory of one epoch over `images` images, MB."""
    out = scratch / str(images)
    out.mkdir()
    write_records(out / "records", scratch / "dataset.zip", images)
    (out / "backbone").mkdir()
    (out / "backbone/backbone.json").write_text(json.dumps({"source": "none", "backbone": None, "digest": None}))
    params = Params().model_dump()
    params["model"]["width"] = 1 / 64
    params["train"] |= {"epochs": 1, "batch_size": 16, "start_from": str(out / "backbone")}
    YAML().dump(params, out / "params.yaml")
    flags = [f"--{name}={out / name}" for name in ("records", "card", "curves", "state")]
    flags.append(f"--model={out / 'model.keras'}")
    command = [sys.executable, "-m", "stages.train", f"--params={out / 'params.yaml'}", *flags]
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status  # wait4 has reaped it
    if status:
        sys.exit("training failed")
    return usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs=2, default=[3000, 12000])
    few, many = parser.parse_args().images
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        write_demo(scratch / "dataset.zip", training=14, validation=6, seed=0)
        small, large = peak_mb(scratch, few), peak_mb(scratch, many)
    print(f"{time.strftime('%Y-%m-%d')}, {usable_cpus()} cores, {SIZE} x {SIZE}, batch 16")
    print(f"  {few:6} images: {small:7.0f} MB\n  {many:6} images: {large:7.0f} MB, {large / small:.2f} x")


if __name__ == "__main__":
    main()
