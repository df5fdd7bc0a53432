"""Get the dataset, as one zip in ADE20K's layout.

Input: params.download.source, the path of
    a zip or a directory  in the layout of sceneparse/dataset/layout.py; a directory is packed
    a source file         (sceneparse/fetch/source_files.py): demo scenes to draw, or a zip on a server, checked
                          against its pinned digest; an interrupted download resumes
Output: the zip, written only if it has the digest in params.download.digest (if set, for any source) and a valid
layout: no unpaired pictures, a valid class table.
"""

import logging
import zipfile
from pathlib import Path, PurePosixPath
from typing import Protocol

from sceneparse.core.disk_space import check_space
from sceneparse.core.errors import InputError
from sceneparse.core.files import add_member, atomic_write
from sceneparse.core.locks import output_lock
from sceneparse.core.progress import progress
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.dataset_folder import dataset_files
from sceneparse.dataset.layout import CLASS_TABLE, IMAGE_SUFFIXES, SPLITS
from sceneparse.dataset.suffixes import ignored_pictures, listed
from sceneparse.fetch.pinned import copy, fetch, verify
from sceneparse.fetch.source_files import Drawn, Fetched, read_source
from sceneparse.params.download import Download
from sceneparse.params.flags import run_stage
from stages.download.demo import write_demo

log = logging.getLogger(__name__)

ELSEWHERE = "download it elsewhere, and put its path into download.source"  # next step of those who cannot download


class Sections(Protocol):
    """Sections of the params that stage download reads."""

    download: Download


def download(params: Sections, cache: Path, dataset: Path) -> None:
    """Write the zip `dataset`; downloads stay in `cache`. Raises InputError."""
    name, demo = params.download.source, params.download.demo
    with output_lock(dataset):
        match read_source(name, Drawn, Fetched):
            case Drawn():
                write_demo(dataset, training=demo.training, validation=demo.validation, seed=demo.seed)
            case Fetched(url=url, digest=digest, size_bytes=size_bytes):
                fetch(url, dataset, digest=digest, size_bytes=size_bytes, cache=cache, pin=name, otherwise=ELSEWHERE)
            case Path() as path:
                pack(path, dataset) if path.is_dir() else copy(path, dataset)
        try:
            verify(dataset, name, params.download.digest, pin="download.digest of params.yaml (empty: any content)")
            training, validation, classes = _count(dataset, name)
        except InputError:
            dataset.unlink()
            log.warning("removed %s: it cannot be used", dataset)
            raise
    print(f"{dataset}: {training} training and {validation} validation pairs, {classes} classes")


def _count(dataset: Path, source: str) -> tuple[int, int, int]:
    """Return the numbers of training and validation pairs and of classes. Raises InputError, which names the source."""
    try:
        with Archive(dataset) as archive:
            training, validation = (len(archive.pairs(split)) for split in SPLITS)
            return training, validation, len(archive.classes)
    except InputError as error:
        error.file = source + error.file.removeprefix(str(dataset))
        raise


def pack(folder: Path, target: Path) -> None:
    """Pack a dataset directory into a zip whose bytes depend on the files' names and contents alone.

    The layout may begin in `folder` or in one folder below it; the class table says where. Other files are left out.
    Raises InputError unless there is exactly one class table, TransientError if the disk has too little space.
    """
    members = dataset_files(folder)
    tables = [name for name in members if PurePosixPath(name).name == CLASS_TABLE]
    if len(tables) != 1:
        raise InputError(
            "the directory is not a dataset",
            expected=f"one {CLASS_TABLE}, in it or in one folder below",
            got=f"{len(tables)} of them",
            file=folder,
            next_step="name the directory with images/, annotations/ and the class table in it",
        )
    folders = [members[tables[0]].parent / "images" / split for split in SPLITS]
    pictures = (path for place in folders if place.is_dir() for path in place.iterdir())
    if ignored := ignored_pictures(pictures, IMAGE_SUFFIXES):
        print(f"ignored, as only .jpg, .jpeg and .png are read: {listed(ignored)}")
    check_space(target, sum(path.stat().st_size for path in members.values()))
    # Stored, not deflated: JPEG and PNG do not shrink.
    with Archive(folder) as archive, atomic_write(target) as file, zipfile.ZipFile(file, "w") as packed:
        for name in progress(sorted(members), desc="pack", unit="file", mininterval=0.5):
            add_member(packed, name, archive.read(name), members[name])


def main() -> None:
    """Run the stage from the command line."""
    run_stage(
        download,
        reads={},
        writes={
            "cache": "folder that keeps downloads for later runs; no output",
            "dataset": "the dataset's zip",
        },
    )
