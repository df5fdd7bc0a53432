"""Training state on disk: what a killed run needs to go on, bit for bit.

A run's inputs (params, records, backbone, code, library versions) have a fingerprint, and each
fingerprint a directory of its own below the state directory: state of other inputs is never
loaded, only left aside. Inside, `step-N.npz` holds every variable of the model and the optimizer
and a JSON note of the loop; `best-N.npz` the model's variables at the best epoch so far. Files are
written atomically and two steps are kept, so a damaged newest one costs minutes, not the run.
"""

import hashlib
import json
import logging
import shutil
import sys
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from stages.files import atomic_write
from stages.params import Section

log = logging.getLogger(__name__)

KEPT = 2
LIBRARIES = ("tensorflow", "keras", "numpy")


def fingerprint(params: Sequence[Section], files: Sequence[Path]) -> str:
    """Sixteen hex digits that stand for the params, the files' content, our loaded code and the libraries."""
    code = (module.__file__ for name, module in sorted(sys.modules.items()) if name.partition(".")[0] == "stages")
    words = [*(section.model_dump_json() for section in params), *(f"{name} {version(name)}" for name in LIBRARIES)]
    digest = hashlib.sha256("\n".join(words).encode())
    for path in (*files, *map(Path, filter(None, code))):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


class Checkpoints:
    """The checkpoints of one fingerprint, for the variables of one model and optimizer."""

    def __init__(self, state: Path, fingerprint: str, model: Any, optimizer: Any) -> None:
        self.directory = state / fingerprint
        others = sorted(path.name for path in state.glob("*/") if path != self.directory)
        if others:
            log.info("left aside in %s: unfinished training of other inputs (%s)", state, ", ".join(others))
        self.directory.mkdir(parents=True, exist_ok=True)
        self._model = [(f"model/{index:03d}", variable) for index, variable in enumerate(model.variables)]
        self._optimizer = [(f"optimizer/{index:03d}", variable) for index, variable in enumerate(optimizer.variables)]

    def save(self, step: int, best_step: int | None, note: dict[str, Any]) -> None:
        """Write the state after `step` steps, with a JSON `note`; drop files that no kept state needs."""
        _write(self._step_file(step), self._model + self._optimizer, note | {"best_step": best_step})
        kept = self._steps()[-KEPT:]
        kept += [self._best_file(best) for best in (_note(path)["best_step"] for path in kept) if best is not None]
        for path in self.directory.glob("*.npz"):
            if path not in kept:
                path.unlink()

    def restore(self) -> tuple[int, dict[str, Any]] | None:
        """Load the newest readable state; returns its step and note, or None for a fresh start."""
        for path in reversed(self._steps()):
            try:
                note = _load(path, self._model + self._optimizer)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                log.warning("checkpoint %s is damaged (%s); trying the one before", path, error)
                path.unlink()
            else:
                return int(path.stem.removeprefix("step-")), note
        return None

    def save_best(self, step: int) -> None:
        """Keep the model's variables as the best so far. Call before the `save` that names this step as the best."""
        _write(self._best_file(step), self._model, {})

    def load_best(self, step: int) -> None:
        """Put the best variables into the model."""
        _load(self._best_file(step), self._model)

    def remove(self) -> None:
        """Training is over and its outputs are written: nothing to resume."""
        shutil.rmtree(self.directory)

    def _step_file(self, step: int) -> Path:
        return self.directory / f"step-{step:09d}.npz"

    def _best_file(self, step: int) -> Path:
        return self.directory / f"best-{step:09d}.npz"

    def _steps(self) -> list[Path]:
        return sorted(self.directory.glob("step-*.npz"))


def _write(path: Path, variables: list[tuple[str, Any]], note: dict[str, Any]) -> None:
    arrays: dict[str, Any] = {name: np.asarray(variable) for name, variable in variables}
    arrays["note"] = np.frombuffer(json.dumps(note, allow_nan=False).encode(), np.uint8)
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def _note(path: Path) -> dict[str, Any]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        note: dict[str, Any] = json.loads(content["note"].tobytes())
    return note


def _load(path: Path, variables: list[tuple[str, Any]]) -> dict[str, Any]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        # All arrays are read, and checked by the zip's CRC-32, before the first variable changes.
        arrays = {name: content[name] for name, _ in variables}
        note: dict[str, Any] = json.loads(content["note"].tobytes())
    for name, variable in variables:
        variable.assign(arrays[name])
    return note
