"""Time of labelling one picture: `python -m benchmarks.predict models/fcn8s.keras PICTURES`.

Measured in turns: the import of TensorFlow and Keras alone; `sceneparse predict` of the folder's first picture by the
model, and by an ONNX export beside a copy of it (extra `export`). Then both label all pictures, and the pixels to which
they give different classes are counted.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.medians import spread
from sceneparse.core.parallel import usable_cpus

IMPORT = [sys.executable, "-c", "import tensorflow, keras"]


def timed(command: list[str]) -> float:
    """Return the seconds that a command takes."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
    return time.perf_counter() - began


def predict(model: Path, pictures: Path, out: Path) -> list[str]:
    """Return the words of a command that labels a picture or a folder."""
    words = ["predict", pictures, "--model", model, "--out", out]
    return [sys.executable, "-m", "pipeline.cli.main", *map(str, words)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    flags = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    one = min(path for path in flags.pictures.iterdir() if path.is_file())
    with tempfile.TemporaryDirectory() as folder:
        plain, beside = (Path(folder) / name / "model.keras" for name in ("plain", "beside"))
        for copy in (plain, beside):
            copy.parent.mkdir()
            shutil.copy(flags.model, copy)
        words = ["--format", "onnx", "--model", beside, "--out", beside.parent, "--pictures", flags.pictures]
        timed([sys.executable, "-m", "pipeline.cli.main", "export", *map(str, words)])
        commands = {
            "import of TensorFlow and Keras": IMPORT,
            "predict by the model": predict(plain, one, plain.parent / "one"),
            "predict by an export": predict(beside, one, beside.parent / "one"),
        }
        print(f"{datetime.now(UTC):%Y-%m-%d}, {usable_cpus()} cores, {flags.rounds} rounds, medians and ranges")
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(flags.rounds):
            for name, command in commands.items():
                seconds[name].append(timed(command))
        for name, values in seconds.items():
            print(f"{name}: {spread(values)}")
        for copy in (plain, beside):
            timed(predict(copy, flags.pictures, copy.parent / "all"))
        compare(plain.parent / "all", beside.parent / "all")


def compare(plain: Path, beside: Path) -> None:
    """Print how many pixels of the label files in two folders differ."""
    files = [path.name for path in plain.glob("*.png") if not path.stem.endswith("_legend")]
    pairs = [
        tuple(np.asarray(Image.open(folder / name, formats=["PNG"])) for folder in (plain, beside)) for name in files
    ]
    different, pixels = sum(int((a != b).sum()) for a, b in pairs), sum(a.size for a, _ in pairs)
    print(f"pixels with another class by the export: {different} of {pixels} in {len(files)} pictures")


if __name__ == "__main__":
    main()
