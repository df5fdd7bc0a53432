"""predict: a trained model and pictures -> their labels, overlays, legends and confidence, and the classes they show.

Input: files, folders, globs and addresses of pictures, and video files. Output: files in a folder (outputs.py), and on
standard output the classes of each picture, as tables or JSON. Invariant: the model is loaded once, and its card says
its classes and preprocessing; a picture that cannot be used is reported and stops no other, and the exit status is then
1.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneparse.core.errors import InputError
from sceneparse.core.fields import Palette
from sceneparse.core.file_errors import raise_passing
from sceneparse.core.progress import print_above_bars, progress
from sceneparse.core.tables import print_json, print_line, print_table
from sceneparse.core.terminal import print_text
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.photos import LOST
from sceneparse.dataset.suffixes import listed
from sceneparse.inference.loading import load_parser
from sceneparse.inference.views import ONE_VIEW, Labels, Views
from sceneparse.predict.defaults import BATCH, TILE_ABOVE
from sceneparse.predict.drawing import Look
from sceneparse.predict.exported import open_export
from sceneparse.predict.inputs import Lost, Refused, Source, find_sources, read_source
from sceneparse.predict.labelling import Done, LabelOptions, label_all
from sceneparse.predict.outputs import Prediction, check_targets, save_prediction, target_files
from sceneparse.predict.video import label_video

if TYPE_CHECKING:
    from sceneparse.predict.labelling import Parser

LARGEST = 3  # classes in the table of several pictures

Results = dict[str, tuple[Prediction | InputError, float]]  # by a source's name: its result, and the seconds it took


def predict(
    paths: Sequence[str],
    model: Path,
    card: Path | None,
    out: Path,
    opacity: float,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    tile_above: int = TILE_ABOVE,
    batch: int = BATCH,
    palette: Palette = "standard",
    names: bool = False,
    confidence: bool = False,
    as_json: bool = False,
) -> None:
    """Label pictures and videos; print the classes they show and the paths of their files.

    `card`: by default the one beside the model, if there is one. Raises InputError before any work if the model cannot
    be used or two results would have one path; exits with 1 at the end if anything failed.
    """
    ignored: Counter[str] = Counter()
    lost: Lost = {}
    named = find_sources(paths, out, ignored)
    sources = [source for source in named if isinstance(source, Source)]
    check_targets(sources, out, confidence)
    results: Results = {}
    for refused in named:
        if isinstance(refused, Refused):
            _add(results, refused.name, refused.error)
    seconds = 0.0
    if sources:
        views = Views(tuple(scales), flip)
        exported = open_export(model, card, palette) if views == ONE_VIEW and not confidence else None
        parser = exported or load_parser(model, card, palette)
        options = LabelOptions(views, batch, tile_above, confidence=confidence)
        started = time.perf_counter()
        labelled = _label_all(parser, sources, out, Look(opacity, names), options, lost)
        for done in progress(labelled, total=len(sources), desc="predict", unit="image"):
            _add(results, done.source.name, done.result, done.seconds)
        seconds = time.perf_counter() - started
    results = {source.name: results[source.name] for source in named}
    if as_json:
        _print_json(results, seconds, lost, ignored)
    else:
        _print_tables(results, seconds)
    _print_notes(lost, ignored)
    if any(isinstance(result, InputError) for result, _ in results.values()):
        sys.exit(1)


def _add(results: Results, name: str, result: Prediction | InputError, seconds: float = 0.0) -> None:
    results[name] = result, seconds
    if isinstance(result, InputError):
        print_above_bars(f"error: {result}")


def _label_all(
    parser: "Parser", sources: list[Source], out: Path, look: Look, options: LabelOptions, lost: Lost
) -> Iterator[Done[Prediction]]:
    """Yield results as they come, those of videos last."""

    def write(source: Source, image: Pixels, labels: Labels) -> Prediction:
        return save_prediction(parser, image, labels, target_files(source, out, options.confidence), look)

    pictures = [source for source in sources if source.kind != "video"]
    yield from label_all(parser, pictures, partial(read_source, lost=lost), write, options)
    for source in sources:
        if source.kind == "video":
            started = time.perf_counter()
            try:
                files = target_files(source, out)
                plain = options._replace(confidence=False)
                result: Prediction | InputError = label_video(parser, Path(source.name), files, look, plain)
            except InputError as error:
                raise_passing(error)
                result = error
            yield Done(source, result, time.perf_counter() - started)


def _print_notes(lost: Lost, ignored: Counter[str]) -> None:
    """Count on standard error the files, and the parts of pictures, that the results lack."""
    if ignored:
        print_text(f"note: ignored, as they cannot be read: {listed(ignored)}", sys.stderr)
    for kind, count in sorted(Counter(kind for kinds in lost.values() for kind in kinds).items()):
        print_text(f"note: {count} of {len(lost)} pictures: {LOST[kind]}", sys.stderr)


def _print_json(results: Results, seconds: float, lost: Lost, ignored: Counter[str]) -> None:
    pictures: list[dict[str, Any]] = []
    for name, (result, its) in results.items():
        content = {"error": str(result)} if isinstance(result, InputError) else result.as_dict()
        notes = [LOST[kind] for kind in lost.get(name, ())]
        pictures.append({"input": name, "seconds": round(its, 3), **content, "notes": notes})
    failed = sum("error" in picture for picture in pictures)
    totals = {"failed": failed, "ignored": dict(sorted(ignored.items())), "seconds": round(seconds, 3)}
    print_json({"pictures": pictures, **totals})


def _print_tables(results: Results, seconds: float) -> None:
    good = {name: result for name, (result, _) in results.items() if isinstance(result, Prediction)}
    if len(results) == len(good) == 1:
        (prediction,) = good.values()
        print_table(["class_id", "name", "share"], prediction.shares)
        print()
        width = 1 + max(map(len, prediction.files))
        for kind, path in prediction.files.items():
            print_line(f"{kind + ':':{width}} {path}")
        return
    if good:
        rows = ((name, str(next(iter(result.files.values()))), _largest(result)) for name, result in good.items())
        print_table(["input", "result", "shows"], rows)
        print(f"\n{len(good)} of {len(results)} labelled, {len(good) / seconds:.1f} a second")


def _largest(prediction: Prediction) -> str:
    return ", ".join(f"{name} {share:.0%}" for _, name, share in prediction.shares[:LARGEST])
