"""Code of a stage: the files and folders of Python among its deps in dvc.yaml.

DVC reruns a stage when its code changes. The same list tells train that a checkpoint is from other code, prepare that
a Dask worker runs other code, and every stage that its code was edited while it ran.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PACKAGES = ("sceneparse", "stages")


def code_digest(stage: str) -> bytes:
    """Return the SHA-256 of the stage's Python files and their paths."""
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
