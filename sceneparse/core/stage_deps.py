"""Deps of a stage in dvc.yaml: its Python files and folders, and the paths that params name.

DVC reruns a stage when they change. The same list tells train that a checkpoint is from other code, prepare that a Dask
worker runs other code, and every stage what was edited while it ran.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from sceneparse.core.fields import leaves

ROOT = Path(__file__).parents[2]
PACKAGES = ("sceneparse", "stages")


def code_digest(stage: str) -> bytes:
    """Return the SHA-256 of the stage's Python files and their paths."""
    digest = hashlib.sha256()
    for dep in _deps(stage):
        if dep.partition("/")[0] in PACKAGES:
            path = ROOT / dep
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                content = file.read_bytes()
                digest.update(f"{file.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.digest()


def named_paths(stage: str, params: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the paths that the stage reads and the params name."""
    for dep in _deps(stage):
        if dep.startswith("${"):
            yield Path(leaves(params)[dep[2:-1]])


def _deps(stage: str) -> list[str]:
    deps: list[str] = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["stages"][stage]["deps"]
    return deps
