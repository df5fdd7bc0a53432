"""The code that a stage's outputs come from: the files and folders that dvc.yaml names among its deps.

DVC reruns a stage when they change; unfinished trainings and Dask workers of other code are told by the same list.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PACKAGES = ("sceneparse", "stages")


def code_digest(stage: str) -> bytes:
    """Return the SHA-256 of the Python files, with their paths, that `stage` depends on."""
    deps = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["stages"][stage]["deps"]
    digest = hashlib.sha256()
    for dep in deps:
        if dep.partition("/")[0] in PACKAGES:
            for file in _files(ROOT / dep):
                content = file.read_bytes()
                digest.update(f"{file.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.digest()


def _files(path: Path) -> Iterator[Path]:
    yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]
