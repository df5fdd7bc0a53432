"""Files of a trained model: `fcn8s.keras` with its card inside, and the card beside it. Same model, same bytes.

A .keras archive carries dates, and objects' memory addresses as their ids. Dates are set to a constant
and ids renumbered, so that a rerun that changes nothing leaves every later stage cached. The card goes
into an existing member: with a fourth one Keras would unpack the whole archive to load it.
"""

import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras

from sceneparse.core.files import add_member, atomic_write, file_digest, write_json
from sceneparse.dataset.images import MEAN_RGB
from sceneparse.network.card import (
    FORMAT,
    KEY,
    SEAL_BYTES,
    Best,
    Card,
    CardFile,
    Libraries,
    Origin,
    Preprocessing,
    Recorded,
    Validation,
    hex_colours,
    seal,
)
from sceneparse.network.members import CONFIG, METADATA
from sceneparse.network.padding import STRIDE
from sceneparse.params.model import Model
from sceneparse.params.train import Train
from sceneparse.records.manifest import MANIFEST, Manifest
from sceneparse.scores.palette import class_palette


def describe(
    records: Path, manifest: Manifest, model: Model, train: Train, best: Mapping[str, Any], origin: Origin | None = None
) -> Card:
    """Return the card of a model trained on `records` with these params. `best` is the chosen epoch and its row."""
    return Card(
        format=FORMAT,
        classes=manifest.classes,
        palette=hex_colours(class_palette(manifest.classes, manifest.colours)),
        preprocessing=Preprocessing.model_validate(
            {
                "dtype": "uint8",
                "channels": "RGB",
                "size": manifest.size,
                "mode": manifest.mode,
                "interpolation": manifest.interpolation,
                "multiple_of": STRIDE,
                "inside": f"subtracts the mean RGB {MEAN_RGB}, divides by {model.input_std:g}",
            }
        ),
        output="float32 logits [B, H, W, N]; channel k - 1 is class k of the list and annotation value k"
        + ("" if model.ignores_other else "; one more channel, the last, is annotation value 0"),
        best=Best(
            epoch=best["epoch"],
            step=best["step"],
            validation=Validation(**{name: best[f"validation/{name}"] for name in Validation.model_fields}),
        ),
        params=Recorded(model=model.model_dump(mode="json"), train=train.model_dump(mode="json")),
        origin=origin,
        data_digest=file_digest(records / MANIFEST),
        libraries=Libraries(**{name: version(name) for name in Libraries.model_fields}),
    )


def save_model(model: Any, path: Path, card: Card) -> None:
    """Write a keras.Model in Keras's own format, with its card and seal, atomically and reproducibly."""
    normalized: dict[str, Callable[[bytes], bytes]] = {
        METADATA: partial(_with_card, card),
        CONFIG: _without_addresses,
    }
    with _scratch(path) as scratch, atomic_write(path) as file:
        saved = scratch / path.name
        keras.saving.save_model(model, saved)
        with zipfile.ZipFile(saved) as source, zipfile.ZipFile(file, "w") as target:
            for name in sorted(source.namelist()):
                content = normalized.get(name, bytes)(source.read(name))
                add_member(target, name, content)
            target.comment = bytes(SEAL_BYTES)  # room for the seal
        file.flush()
        file.seek(-SEAL_BYTES, os.SEEK_END)
        file.write(seal(Path(file.name)).encode())


def save_card(path: Path, model: Path, card: Card) -> None:
    """Write the card beside the saved `model`."""
    write_json(path, CardFile(**dict(card), model_digest=file_digest(model)).model_dump(mode="json"))


def _with_card(card: Card, metadata: bytes) -> bytes:
    content = {"date_saved": "1980-01-01@00:00:00", KEY: card.model_dump(mode="json")}
    return json.dumps(json.loads(metadata) | content).encode()


def _without_addresses(config: bytes) -> bytes:
    """Number shared objects in the order of their first appearance."""
    numbers: dict[bytes, int] = {}

    def renumbered(match: re.Match[bytes]) -> bytes:
        return match[1] + str(numbers.setdefault(match[2], len(numbers))).encode()

    return re.sub(rb'("shared_object_id": )(\d+)', renumbered, config)


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """Make an empty directory beside `path`; its name is fixed, so the next save removes what a killed one left."""
    directory = path.with_name(f".{path.name}.saving")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
