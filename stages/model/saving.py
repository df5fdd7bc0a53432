"""The trained model as files: `fcn8s.keras` and its card `fcn8s.json`. Same model, same bytes.

A .keras archive carries dates, and objects' memory addresses as their ids; dates are set to a constant
and ids renumbered, so that a rerun that changes nothing leaves every later stage cached.
"""

import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras

from stages.data.manifest import Manifest
from stages.files import atomic_write, file_digest, write_json

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold


def save_model(model: Any, path: Path) -> None:
    """Write a keras.Model in Keras's own format, atomically and reproducibly."""
    with tempfile.TemporaryDirectory(dir=_made(path.parent), prefix=".saving-") as scratch:
        saved = Path(scratch) / path.name
        keras.saving.save_model(model, saved)
        with zipfile.ZipFile(saved) as source, atomic_write(path) as file, zipfile.ZipFile(file, "w") as target:
            for name in sorted(source.namelist()):
                content = NORMALIZED.get(name, bytes)(source.read(name))
                target.writestr(zipfile.ZipInfo(name, EPOCH), content)


def save_card(path: Path, model: Path, manifest: Manifest, best: dict[str, Any]) -> None:
    """Write what the model file alone does not say. `best` is the chosen epoch's row of the history."""
    card = {
        "model_digest": file_digest(model),
        "classes": manifest.classes,
        "input": {"dtype": "uint8", "channels": "RGB", "size": manifest.size, "mode": manifest.mode},
        "output": "float32 logits; class k of the list above is channel k - 1 and annotation value k",
        "best": best,
    }
    write_json(path, card)


def _without_date(metadata: bytes) -> bytes:
    return json.dumps(json.loads(metadata) | {"date_saved": "1980-01-01@00:00:00"}).encode()


def _without_addresses(config: bytes) -> bytes:
    """Number shared objects in the order of their first appearance."""
    numbers: dict[bytes, int] = {}

    def renumbered(match: re.Match[bytes]) -> bytes:
        return match[1] + str(numbers.setdefault(match[2], len(numbers))).encode()

    return re.sub(rb'("shared_object_id": )(\d+)', renumbered, config)


NORMALIZED = {"metadata.json": _without_date, "config.json": _without_addresses}


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory
