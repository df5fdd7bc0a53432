"""Demo dataset: drawn street and landscape scenes, as a zip in ADE20K's layout.

Input: numbers of scenes and a seed. Output: an archive that sceneparse/dataset/archive.py reads, with a class table
and scene categories in ADE20K's format. Each scene depends on (seed, split, index) alone and the archive holds no
dates, so equal arguments give equal bytes.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sceneparse.core.files import add_member, atomic_write
from sceneparse.core.progress import progress
from sceneparse.dataset.layout import CLASS_TABLE, SCENES, SPLITS
from stages.download.painting.kinds import Kind
from stages.download.painting.scenes import draw_scene

ROOT = "SceneparseDemo"
PREFIXES = {"training": "ADE_train", "validation": "ADE_val"}
JPEG_QUALITY = 90


def write_demo(path: Path, training: int, validation: int, seed: int) -> None:
    """Draw scenes for both splits into a zip at `path`, atomically."""
    counts = {"training": training, "validation": validation}
    jobs = [(split, index) for split in SPLITS for index in range(counts[split])]
    pixels = np.zeros(len(Kind), np.int64)  # training pixels of each kind
    pictures = {split: np.zeros(len(Kind), np.int64) for split in SPLITS}  # pictures that show each kind
    categories = []
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for split, index in progress(jobs, "drawing the demo", unit="scene"):
            id = f"{PREFIXES[split]}_{index + 1:08d}"
            category, picture, annotation = draw_scene(seed, split, index)
            add_member(archive, f"{ROOT}/images/{split}/{id}.jpg", _encoded(picture, "JPEG", quality=JPEG_QUALITY))
            add_member(archive, f"{ROOT}/annotations/{split}/{id}.png", _encoded(annotation, "PNG"))
            categories.append(f"{id} {category}\n")
            counted = np.bincount(np.asarray(annotation).ravel(), minlength=len(Kind))
            pictures[split] += counted > 0
            if split == "training":
                pixels += counted
        add_member(archive, f"{ROOT}/{CLASS_TABLE}", _class_table(pixels, pictures).encode())
        add_member(archive, f"{ROOT}/{SCENES}", "".join(categories).encode())


def _class_table(pixels: npt.NDArray[np.int64], pictures: dict[str, npt.NDArray[np.int64]]) -> str:
    """Return an objectInfo150.txt: each class's share of the annotated training pixels, and its pictures per split."""
    shares = pixels / pixels[1:].sum()  # never zero: every scene has sky
    rows = ["Idx\tRatio\tTrain\tVal\tName"]
    for kind in [*Kind][1:]:
        shown = "\t".join(str(pictures[split][kind]) for split in SPLITS)
        rows.append(f"{kind}\t{shares[kind]:.4f}\t{shown}\t{kind.label}")
    return "\n".join(rows) + "\n"


def _encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()
