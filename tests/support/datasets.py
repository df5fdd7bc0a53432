"""Small datasets in ADE20K's layout, and params to go with them, for tests that need real pictures.

The scenes can be learnt by colour: each class has its own, whatever its place, and so has 'other' (0).
"""

import colorsys
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sceneparse.dataset.layout import CLASS_TABLE, SPLITS
from sceneparse.params.whole import Params

ROOT = Path(__file__).parents[2]
OTHER = (16, 16, 16)

Change = Callable[[bytes], bytes | None]


def demo_params(**sections: dict[str, Any]) -> Params:
    """The demo's params with changes, validated: demo_params(prepare={"size": 64}, train={"augment": {"flip": 0}})."""
    return Params.model_validate(sections)


def write_archive(
    path: Path,
    *,
    training: int = 6,
    validation: int = 3,
    classes: tuple[str, ...] = ("sky", "road", "tree"),
    sides: tuple[int, int] = (60, 100),
    seed: int = 0,
    root: str = "Small",
    changes: Mapping[str, Change] | None = None,
    extra: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> None:
    """Write a zip of pairs SPLIT_0000, SPLIT_0001, ..., their sides drawn from `sides` (pixels, both ends included).

    Pair training_0001 is a grayscale JPEG. `changes` maps member names below the root, as in
    `images/training/training_0000.jpg`, to functions of their contents that return others, or None to
    leave them out; `extra` adds members.
    """
    members = {CLASS_TABLE: class_table(classes)}
    for split, count in zip(SPLITS, (training, validation), strict=True):
        for index in range(count):
            generator = np.random.default_rng((seed, SPLITS.index(split), index))
            picture, annotation = draw_scene(generator, len(classes), sides, first=index)
            if (split, index) == ("training", 1):
                picture = picture.convert("L")
            members[f"images/{split}/{split}_{index:04d}.jpg"] = encoded(picture, "JPEG", quality=92)
            members[f"annotations/{split}/{split}_{index:04d}.png"] = encoded(annotation, "PNG")
    for name, change in (changes or {}).items():
        content = change(members.pop(name))
        if content is not None:
            members[name] = content
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in {**members, **(extra or {})}.items():
            archive.writestr(f"{root}/{name}" if root else name, content)


def class_table(classes: tuple[str, ...]) -> bytes:
    """ADE20K's objectInfo150.txt for these names."""
    rows = [f"{number}\t0.1\t6\t3\t{name}" for number, name in enumerate(classes, start=1)]
    return "\n".join(["Idx\tRatio\tTrain\tVal\tName", *rows, ""]).encode()


def draw_scene(
    generator: np.random.Generator, classes: int, sides: tuple[int, int], first: int
) -> tuple[Image.Image, Image.Image]:
    """Two areas, a disc and a frame of 'other' at one side. The classes shown rotate with `first`."""
    height, width = generator.integers(sides[0], sides[1] + 1, 2)
    rows, columns = np.mgrid[:height, :width]
    above, below, disc = (1 + (first + offset) % classes for offset in range(3))
    annotation = np.where(rows < height * generator.uniform(0.3, 0.6), above, below).astype(np.uint8)
    y, x = generator.uniform(0.3, 0.7, 2) * (height, width)
    annotation[(rows - y) ** 2 + (columns - x) ** 2 < (min(height, width) * 0.2) ** 2] = disc
    annotation[:, : width // 12] = 0
    colours = np.array([OTHER, *(colour(number, classes) for number in range(1, classes + 1))])
    picture = colours[annotation] + generator.normal(0, 6, (height, width, 3))
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8)), Image.fromarray(annotation)


def colour(number: int, classes: int) -> tuple[int, int, int]:
    """The colour of class `number` (1..classes)."""
    red, green, blue = colorsys.hsv_to_rgb(number / classes, 0.8, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    """The picture as a file's content."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()
