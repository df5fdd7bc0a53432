"""Training state on disk, from which a killed run resumes bit for bit.

A run's inputs (params, records, backbone, code, library versions) have a fingerprint, and each
fingerprint has a directory below the state directory: a run never loads or removes state of other inputs.
Inside, `step-N.npz` holds every variable of the model, the optimizer and the averages, in order, and a JSON note of
the loop; `best-N.npz` holds the model's variables at the best epoch so far. Files are written atomically,
and two steps are kept, so a damaged newest one costs minutes, not the run; a step counts as damaged if
the best weights that it names are.

When a training is complete, `complete-N.npz` with the note alone replaces its steps. With the best weights it is all
that the outputs take, so outputs that are lost before DVC has recorded them (a full disk, a kill) need no training.
"""

import errno
import hashlib
import json
import logging
import shutil
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from sceneparse.core.fields import Section
from sceneparse.core.files import atomic_write
from sceneparse.core.stage_deps import code_digest
from sceneparse.core.zip_reading import check_stored

log = logging.getLogger(__name__)

KEPT = 2
COMPLETE = "complete"
LIBRARIES = ("tensorflow", "keras", "numpy")


def fingerprint(params: Sequence[Section], files: Sequence[Path]) -> str:
    """Return sixteen hex digits that stand for the params, the files' content, the stage's code and the libraries."""
    words = [*(section.model_dump_json() for section in params), *(f"{name} {version(name)}" for name in LIBRARIES)]
    digest = hashlib.sha256("\n".join(words).encode() + code_digest("train"))
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


class Checkpoints:
    """Checkpoints of one fingerprint: of a model and the `extras` that a step changes too. Saves only if `writes`."""

    def __init__(self, state: Path, fingerprint: str, model: Any, extras: Sequence[Any], writes: bool = True) -> None:
        self.directory = state / fingerprint
        self._writes = writes
        self._others = [path for path in state.glob("*/") if path != self.directory]
        if others := sorted(path.name for path in self._others if not _is_complete(path)):
            log.info(
                "%s keeps unfinished training of other params, records or code (%s): put those back to go on "
                "with it, or delete it",
                state,
                ", ".join(others),
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        self._model = list(model.variables)
        self.variables = [*self._model, *extras]  # all that a step changes

    def save(self, step: int, best_step: int | None, note: dict[str, Any]) -> None:
        """Write the state after `step` steps, with a JSON `note`; remove the files that it replaces."""
        if not self._writes:
            return
        _write(self._file("step", step), self.variables, note | {"best_step": best_step})
        # Keep one more of the best: a kill between the two saves leaves one that no step names yet.
        for path in self._files("step")[:-KEPT] + self._files("best")[: -KEPT - 1]:
            path.unlink()

    def restore(self) -> tuple[int, dict[str, Any]] | None:
        """Load the newest readable state; return its step and note, or None to start at step 0.

        After the last step there is nothing to load but the best weights, with `load_best`.
        """
        for path in reversed(self._files("step") + self._files(COMPLETE)):
            try:
                values, note = _read(path)
                if note["best_step"] is not None:
                    _read(self._file("best", note["best_step"]))
                if not path.stem.startswith(COMPLETE):
                    _assign(self.variables, values)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
                    raise  # too many open files, no permission: the checkpoint may be whole
                log.warning("checkpoint %s is damaged (%s); trying the one before", path, error)
                path.unlink()
            else:
                return int(path.stem.rpartition("-")[2]), note
        return None

    def save_best(self, step: int) -> None:
        """Keep the model's variables as the best so far. Call before the `save` that names this step as the best."""
        if self._writes:
            _write(self._file("best", step), self._model, {})

    def load_best(self, step: int) -> None:
        """Load the variables of `save_best(step)` into the model."""
        values, _ = _read(self._file("best", step))
        _assign(self._model, values)

    def complete(self, step: int, best_step: int, note: dict[str, Any]) -> None:
        """Keep the best weights alone, once the outputs are written; those of complete trainings before go."""
        _write(self._file(COMPLETE, step), [], note | {"best_step": best_step})
        for path in {*self._files("step"), *self._files("best")} - {self._file("best", best_step)}:
            path.unlink()
        for path in filter(_is_complete, self._others):
            shutil.rmtree(path)

    def _file(self, kind: str, step: int) -> Path:
        return self.directory / f"{kind}-{step:09d}.npz"

    def _files(self, kind: str) -> list[Path]:
        return sorted(self.directory.glob(f"{kind}-*.npz"))  # oldest first


def _is_complete(directory: Path) -> bool:
    return any(directory.glob(f"{COMPLETE}-*.npz"))


def _write(path: Path, variables: list[Any], note: dict[str, Any]) -> None:
    encoded = np.frombuffer(json.dumps(note, allow_nan=False).encode(), np.uint8)
    with atomic_write(path) as file:
        np.savez(file, *map(np.asarray, variables), note=encoded)


def _read(path: Path) -> tuple[list[Any], dict[str, Any]]:
    """Return the variables' values in a file, each checked by the zip's CRC-32, and its note."""
    check_stored(path)
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        arrays = dict(content.items())
    note: dict[str, Any] = json.loads(arrays.pop("note").tobytes())
    return list(arrays.values()), note


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
