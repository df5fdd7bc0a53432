"""submit: a trained model and the benchmark's test pictures -> the zip that its evaluation server takes.

Input: the benchmark's release_test.zip, pictures in a folder `testing/` and, where there is one, list.txt with their
names. Output: a zip of 8-bit grayscale PNGs, one for each picture, of its name and size, with values 1..150.
Invariant: the zip appears under its name only if every PNG, read from the disk again, has all of that; equal model and
pictures give equal bytes, also after a kill, which loses no finished PNG.
"""

import hashlib
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sceneparse.core.errors import InputError
from sceneparse.core.files import add_member, atomic_write, file_digest
from sceneparse.core.locks import locked
from sceneparse.core.progress import print_above_bars, progress
from sceneparse.core.tables import print_line
from sceneparse.dataset.images import Pixels, decode_annotation, encode_annotation
from sceneparse.inference.loading import load_parser
from sceneparse.inference.views import Labels, Views
from sceneparse.predict.benchmark_zip import Release
from sceneparse.predict.defaults import BATCH
from sceneparse.predict.inputs import Source
from sceneparse.predict.labelling import LabelOptions, label_all

if TYPE_CHECKING:
    from sceneparse.inference.parser import SceneParser

CLASSES = 150
KNOWN = {1: "wall", 2: "building", 3: "sky", 150: "flag"}  # enough to recognise ADE20K's 150 classes
STATE = Path("state/submit")


def submit(
    pictures: Path,
    model: Path,
    card: Path | None,
    out: Path,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    batch: int = BATCH,
    state: Path = STATE,
) -> None:
    """Label the test pictures and write the zip. Raises InputError that lists every picture that cannot be used.

    Finished PNGs wait below `state`, in a folder for the content of both files and the views, until the zip is written.
    """
    with Release(pictures) as test:
        parser = load_parser(model, card)
        _check_classes(parser.classes, model)
        views = Views(tuple(scales), flip)
        inputs = f"{file_digest(pictures)} {parser.seal} {views}"
        work = state / hashlib.sha256(inputs.encode()).hexdigest()
        try:
            with locked(work.with_suffix(".lock"), "at this submission"):
                work.mkdir(exist_ok=True)
                # A network that knows 'other' must still name a class: the server refuses 0.
                _label(parser, test, work, LabelOptions(views, batch, tile_above=None, other=False))
                _write_zip(out, work, test)
                shutil.rmtree(work)
        except OSError as error:
            step = "make room, or name another place with --out, and run again, which resumes"
            raise _refusal([str(error)], out, step) from None
    print_line(f"submission: {out} ({len(test.names)} PNGs, {out.stat().st_size} bytes)")


def _check_classes(classes: tuple[str, ...], model: Path) -> None:
    if len(classes) != CLASSES or any(classes[number - 1] != name for number, name in KNOWN.items()):
        raise InputError(
            "the model's classes are not the benchmark's",
            expected=f"{CLASSES}: {', '.join(f'{number} = {name}' for number, name in KNOWN.items())}",
            got=f"{len(classes)}: {', '.join(f'{number} = {name}' for number, name in enumerate(classes[:3], 1))} ...",
            file=model,
            next_step="train on ADE20K: sceneparse preset ade20k, then dvc repro",
        )


def _label(parser: "SceneParser", test: Release, work: Path, options: LabelOptions) -> None:
    """Write the PNGs that `work` lacks. After trying all, raises InputError if any picture cannot be used."""
    waiting = [name for name in test.names if not (work / f"{name}.png").exists()]
    total, failed = len(test.names), []

    def write(source: Source, _: Pixels, labels: Labels) -> None:
        with atomic_write(work / f"{source.name}.png") as file:
            file.write(encode_annotation(Image.fromarray(labels.annotation)))

    sources = (Source(name, "picture", Path(name)) for name in waiting)
    labelled = label_all(parser, sources, lambda source: test.picture(source.name), write, options)
    for done in progress(labelled, total=total, initial=total - len(waiting), desc="submit", unit="image"):
        if isinstance(done.result, InputError):
            failed.append(done.source.name)
            print_above_bars(f"error: {done.result}")
    if failed:
        raise InputError(
            f"{len(failed)} of {total} test pictures cannot be used",
            expected="a readable picture for every PNG",
            got=", ".join(sorted(failed)),
            file=test.path,
            next_step="download the test pictures again",
        )


def _write_zip(out: Path, work: Path, test: Release) -> None:
    """Write the kept PNGs. Raises InputError that lists each one that was damaged since, or is of another picture."""
    problems = []
    with atomic_write(out) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # PNGs stay as they are
        for name in progress(test.names, desc="check", unit="image"):
            content = (work / f"{name}.png").read_bytes()
            if problem := _problem(content, test.size(name)):
                problems.append(f"{name}.png: {problem}")
            add_member(archive, f"{name}.png", content)
        if problems:
            raise _refusal(problems, out, f"remove {work} and run again")


def _problem(content: bytes, size: tuple[int, int]) -> str:
    """Return what is wrong with a PNG for a picture of this width and height, or ''."""
    try:
        annotation = decode_annotation(content)
    except ValueError as error:
        return str(error)
    if annotation.size != size:
        return f"{annotation.size}, its picture {size}"
    lowest, highest = np.asarray(annotation).min(), np.asarray(annotation).max()
    return "" if 1 <= lowest <= highest <= CLASSES else f"values {lowest}..{highest}"


def _refusal(problems: list[str], file: Path, next_step: str) -> InputError:
    return InputError(
        "the submission is not right",
        expected=f"an 8-bit grayscale PNG of the name and size of every test picture, values 1..{CLASSES}",
        got="\n    ".join(["", *problems]),
        file=file,
        next_step=next_step,
    )
