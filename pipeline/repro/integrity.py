"""Bytes of outputs and of DVC's cache, compared with the digests that stand for them.

DVC trusts a read-only object of its cache, and an output that it copied from there, without reading them. So nothing
notices a damaged object, and `dvc repro --force` brings it back: the new bytes are those that the cache has already.
Here every file is read. The repair removes what is damaged, and copies whole outputs to the cache again: DVC would make
an output again that its cache lacks. Then `dvc pull` or a run brings back what is missing.
"""

import hashlib
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline.repro.project import Project
from pipeline.repro.project_root import project_root
from sceneparse.core.documents import load_json
from sceneparse.core.errors import REPAIR
from sceneparse.core.files import matches_digest, write_json
from sceneparse.core.parallel import usable_cpus
from sceneparse.core.progress import progress
from sceneparse.core.terminal import print_text

MEMORY = "state/flow/verified.json"  # outputs that had the bytes of their digest -> their state at that time
MOST_BYTES = 1 << 20  # of the memory: a line for each output


class Outputs:
    """Outputs of a project's stages. One that was whole is read again once a file's time, size or inode has changed.

    `afresh`: read all of them again.
    """

    def __init__(self, project: Project, afresh: bool = False) -> None:
        self._project, self._memory = project, project.root / MEMORY
        self._whole: dict[str, str] = {} if afresh else _load(self._memory)

    def damaged(self, stage: str) -> list[Path]:
        """Return the outputs of a stage that exist with other bytes than dvc.lock says."""
        return [Path(out.fs_path) for out in self._project.outs(stage) if out.exists and self._differs(out)]

    def cache_again(self) -> list[Path]:
        """Copy whole outputs, and whole files that DVC tracks, to the cache where it lacks them; return their paths."""
        lacking = [out for out in self._project.all_outs() if out.exists and out.hash_info and out.changed_cache()]
        whole = [out for out in lacking if not self._differs(out)]
        for out in whole:
            out.commit()
        return [Path(out.fs_path) for out in whole]

    def _differs(self, out: Any) -> bool:
        from dvc_data.hashfile.build import build
        from dvc_data.hashfile.state import StateNoop

        if out.hash_info.name != "md5":  # dvc.lock has none yet, or one of an older DVC
            return False
        state = _state(Path(out.fs_path), out.hash_info.value)
        if self._whole.get(out.fs_path) == state:
            return False
        cache = type(out.cache)(out.cache.fs, out.cache.path, state=StateNoop())  # without DVC's own memory
        _, _, content = build(cache, out.fs_path, out.fs, "md5", ignore=out.dvcignore, dry_run=True)
        if content.hash_info != out.hash_info:
            return True
        self._whole[out.fs_path] = state
        write_json(self._memory, self._whole)
        return False


def _load(memory: Path) -> dict[str, str]:
    """Return what the memory holds; nothing if it is damaged or missing, so that all outputs are read."""
    try:
        return TypeAdapter(dict[str, str]).validate_python(load_json(memory, MOST_BYTES))
    except (FileNotFoundError, ValueError):
        return {}


def _state(output: Path, digest: str) -> str:
    """Return a digest of an output's own digest and of the time, size and inode of each of its files."""
    files = sorted([output, *output.rglob("*")])
    stats = [
        (str(file), status.st_mtime_ns, status.st_size, status.st_ino) for file in files if (status := file.stat())
    ]
    return hashlib.sha256(repr((digest, stats)).encode()).hexdigest()


def damaged_objects(cache: Path) -> list[Path]:
    """Return the objects of DVC's cache whose bytes do not have the digest that is their name."""
    objects = [path for path in sorted(cache.glob("??/*")) if re.fullmatch(r"[0-9a-f]{30}(\.dir)?", path.name)]

    def is_damaged(path: Path) -> bool:
        return not matches_digest(path, f"md5:{path.parent.name}{path.name.removesuffix('.dir')}")

    with ThreadPoolExecutor(usable_cpus()) as pool:  # hashing releases the interpreter
        checked = progress(pool.map(is_damaged, objects), "DVC's cache", total=len(objects), unit="object")
        return [path for path, bad in zip(objects, checked, strict=True) if bad]


def repair(project: Project, outputs: Outputs, stage: str) -> list[Path]:
    """Remove and return a stage's damaged outputs; if there are any, remove all damaged objects of the cache, too.

    One of the objects may be where the damage came from. Raises BusyError while another DVC command works here: what
    looks like damage may be an output that it writes.
    """
    if not outputs.damaged(stage):
        return []
    with project.alone():
        if damaged := outputs.damaged(stage):
            for path in (*damaged, *damaged_objects(project.cache())):
                print_text(f"note: {_shown(project, path)} was damaged: removed", sys.stderr)
                _remove(path)
            for path in outputs.cache_again():
                print_text(f"note: {_shown(project, path)} is whole: copied to the cache", sys.stderr)
    return damaged


def verify(remove_damaged: bool) -> None:
    """Run `sceneparse verify`: read all outputs and all of DVC's cache; exit with 1 if damage is found and left."""
    project = Project(project_root(Path.cwd()))
    with project.held(), project.alone():
        outputs = Outputs(project, afresh=True)
        damaged = [path for stage in project.stages() for path in outputs.damaged(stage.name)]
        damaged += damaged_objects(project.cache())
        for path in damaged:
            print(f"{'removed' if remove_damaged else 'damaged'}   {_shown(project, path)}")
            if remove_damaged:
                _remove(path)
        for path in outputs.cache_again() if damaged and remove_damaged else ():
            print(f"whole     {_shown(project, path)}: copied to the cache")
    if not damaged:
        print("every output and every object of DVC's cache has the bytes of its digest")
    elif remove_damaged:
        print("dvc pull brings back what the remote has, sceneparse run makes the rest again")
    else:
        print_text(f"error: damaged files: {REPAIR}", sys.stderr)
        sys.exit(1)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _shown(project: Project, path: Path) -> str:
    return str(path.relative_to(project.root)) if path.is_relative_to(project.root) else str(path)
