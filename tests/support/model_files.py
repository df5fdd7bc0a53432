"""Model files with other members than save_model's, whole by their seal and their card."""

import io
import json
import zipfile
from pathlib import Path

import h5py

from sceneparse.core.files import file_digest
from sceneparse.network.card import KEY, SEAL_BYTES, seal
from sceneparse.network.members import CONFIG, METADATA, WEIGHTS


def members(model: Path) -> dict[str, bytes]:
    """The contents of a model file."""
    with zipfile.ZipFile(model) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_model(path: Path, content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a model file, sealed as save_model seals one."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
        archive.comment = bytes(SEAL_BYTES)
    with path.open("r+b") as file:
        file.seek(-SEAL_BYTES, io.SEEK_END)
        file.write(seal(path).encode())
    return path


def with_config(content: dict[str, bytes], change) -> dict[str, bytes]:
    """The members with another config.json: `change` gets its values, and may return others."""
    config = json.loads(content[CONFIG])
    changed = change(config)
    return {**content, CONFIG: json.dumps(config if changed is None else changed).encode()}


def with_card(content: dict[str, bytes], **changes) -> dict[str, bytes]:
    """The members with changes of the card inside."""
    metadata = json.loads(content[METADATA])
    metadata[KEY] |= changes
    return {**content, METADATA: json.dumps(metadata).encode()}


def with_weights(content: dict[str, bytes], change) -> dict[str, bytes]:
    """The members with other weights: `change` gets the open HDF5 file."""
    data = io.BytesIO(content[WEIGHTS])
    with h5py.File(data, "r+") as file:
        change(file)
    return {**content, WEIGHTS: data.getvalue()}


def write_card(model: Path, **changes) -> Path:
    """Write the card beside a model file: that inside, with its digest, and changes."""
    card = json.loads(members(model)[METADATA])[KEY]
    path = model.with_suffix(".json")
    path.write_text(json.dumps(card | {"model_digest": file_digest(model)} | changes))
    return path
