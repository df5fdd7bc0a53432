"""Speed and memory of `prepare`, against the plain script one would write instead.

Both turn the same 683 x 512 pictures into 256 x 256 ones, one process per core, in turns, in the same run. The
plain loop reads unpacked files and leaves out the stage's other work: checking every pair and both CRCs,
cutting shards, hashing them, the manifest. The stage's time includes starting its processes afresh (about half a
second; the plain loop forks): use enough images. Clock times suffer from other work on the machine, CPU times
hardly.

    python -m benchmarks.prepare --images 4000 --rounds 5
"""

import argparse
import io
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from sceneparse.core.parallel import usable_cpus
from sceneparse.dataset.layout import CLASS_TABLE, SPLITS
from sceneparse.params.presets import preset_params
from stages.prepare.stage import prepare

WIDTH, HEIGHT, SIZE = 683, 512, 256
CLASSES = 150
DISTINCT = 24  # pictures drawn; more images repeat them under other names
PRESET = "ade20k"

# Peak memory of one worker of the stage: a fresh interpreter, so that no other child counts.
MEASURE = """
import resource, sys
from pathlib import Path
from sceneparse.params.presets import preset_params
from stages.prepare.stage import prepare
if __name__ == "__main__":
    prepare(preset_params(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def draw_pair(generator: np.random.Generator, quality: int) -> tuple[bytes, bytes]:
    """Draw a JPEG, smooth like a photograph with fine texture on top, and a PNG of 20 regions.

    At quality 70 they are about as heavy as ADE20K's, near 50 KB and 6 KB: decoding takes its time by the byte.
    """

    def smooth(height: int, width: int, channels: int) -> np.ndarray:
        coarse = generator.integers(0, 256, (height, width, channels), np.uint8)
        return np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)

    texture = 0.2 * (smooth(HEIGHT // 4, WIDTH // 4, 3) - 128) + generator.normal(0, 3, (HEIGHT, WIDTH, 1))
    picture = Image.fromarray((smooth(6, 8, 3) + texture).clip(0, 255).astype(np.uint8))
    # Regions: every pixel belongs to the nearest of 20 points, with wavy borders.
    points = generator.uniform(0, 1, (20, 2)) * (HEIGHT, WIDTH)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 4 * np.sin(np.mgrid[:HEIGHT, :WIDTH][::-1] / 40)
    nearest = np.argmin([(rows - y) ** 2 + (columns - x) ** 2 for y, x in points], axis=0)
    annotation = Image.fromarray(generator.integers(0, CLASSES + 1, 20).astype(np.uint8)[nearest])
    image_file, annotation_file = io.BytesIO(), io.BytesIO()
    picture.save(image_file, "JPEG", quality=quality)
    annotation.save(annotation_file, "PNG")
    return image_file.getvalue(), annotation_file.getvalue()


def write_archive(path: Path, images: int, pairs: list[tuple[bytes, bytes]]) -> None:
    """Write a zip in ADE20K's layout with `images` pairs, a tenth of them for validation."""
    with zipfile.ZipFile(path, "w") as archive:
        names = [f"{index}\tclass {index}" for index in range(1, CLASSES + 1)]
        archive.writestr(CLASS_TABLE, "\n".join(["Idx\tName", *names]))
        for index in range(images):
            split = SPLITS[index % 10 == 0]
            image, annotation = pairs[index % len(pairs)]
            archive.writestr(f"images/{split}/{index:08d}.jpg", image)
            archive.writestr(f"annotations/{split}/{index:08d}.png", annotation)


def plain_pair(task: tuple[Path, Path, Path]) -> None:
    """Do the plain loop's work for a pair: full decode, resize, encode, two files."""
    image_path, annotation_path, target = task
    image = Image.open(image_path, formats=["JPEG"]).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    image.save(target / image_path.name, quality=95)
    annotation = Image.open(annotation_path, formats=["PNG"]).resize((SIZE, SIZE), Image.Resampling.NEAREST)
    annotation.save(target / annotation_path.name)


def plain_loop(unpacked: Path, target: Path) -> None:
    """Resize every pair of an unpacked dataset, with one process per core."""
    target.mkdir()
    images = sorted(unpacked.glob("images/*/*.jpg"))
    annotations = [unpacked / "annotations" / path.parent.name / f"{path.stem}.png" for path in images]
    tasks = [(*pair, target) for pair in zip(images, annotations, strict=True)]
    with multiprocessing.Pool(usable_cpus()) as pool:
        pool.map(plain_pair, tasks)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return how long `work` takes, by the clock and in CPU time of this process and its children."""

    def now() -> tuple[float, float]:
        return time.perf_counter(), sum(os.times()[:4])

    start = now()
    work()
    end = now()
    return end[0] - start[0], end[1] - start[1]


def worker_memory(dataset: Path, records: Path) -> float:
    """Return the peak resident memory of the largest worker process, MB."""
    command = [sys.executable, "-c", MEASURE, PRESET, dataset, records]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return int(done.stdout) / 1024


def main() -> None:
    """Print images per second of both, their ratio, and the stage's memory for a small and a large dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4000, help="in the dataset that is timed (default: 4000)")
    parser.add_argument("--quality", type=int, default=70, help="of the JPEGs (default: 70, as heavy as ADE20K's)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: 5)")
    parser.add_argument("--memory-images", type=int, nargs=2, default=[200, 800], help="(default: 200 800)")
    flags = parser.parse_args()
    params = preset_params(PRESET)
    cores = usable_cpus()
    versions = f"Python {platform.python_version()}, Pillow {Image.__version__}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {cores} cores, {versions}")
    generator = np.random.default_rng(0)
    pairs = [draw_pair(generator, flags.quality) for _ in range(DISTINCT)]
    sizes = [statistics.mean(map(len, kind)) / 1000 for kind in zip(*pairs, strict=True)]
    print(f"{flags.images} pairs of {WIDTH}x{HEIGHT}: JPEG {sizes[0]:.0f} KB, PNG {sizes[1]:.0f} KB")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        dataset = work / "dataset.zip"
        write_archive(dataset, flags.images, pairs)
        with zipfile.ZipFile(dataset) as archive:
            archive.extractall(work / "unpacked")
        plain, stage = [], []
        for turn in range(flags.rounds):
            target = work / f"plain-{turn}"
            plain.append(seconds(partial(plain_loop, work / "unpacked", target)))
            stage.append(seconds(partial(prepare, params, dataset, work / "records")))
        for name, turns in (("plain loop", plain), ("prepare", stage)):
            clock, cpu = (statistics.median(turn[index] for turn in turns) / flags.images for index in (0, 1))
            print(f"{name:>10}: {1 / clock:.0f} images/s, CPU time {1000 * cpu:.2f} ms an image (medians)")
        for kind, index in (("speed", 0), ("CPU time", 1)):
            ratios = sorted(slow[index] / fast[index] for slow, fast in zip(plain, stage, strict=True))
            shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"ratio of {kind}: {statistics.median(ratios):.2f} (rounds: {shown})")
        for images in flags.memory_images:
            write_archive(dataset, images, pairs)
            print(f"peak memory of a worker, {images} images: {worker_memory(dataset, work / 'records'):.0f} MB")


if __name__ == "__main__":
    main()
