"""predict: a trained model and pictures -> their labels, overlays and legends, and what they show.

Input: files, folders, globs and addresses of pictures, and video files. Output: files
in a folder (outputs.py), and on standard output what each picture shows, as tables or JSON. Invariant: the model is
loaded once, classes and preprocessing are those of its card, and a picture that cannot be used is reported
and keeps no other from being labelled: the exit status is 1 at the end.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from sceneparse.core.errors import InputError
from sceneparse.core.fields import Palette
from sceneparse.core.progress import progress
from sceneparse.core.tables import print_json, print_line, print_table
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.photos import LOST
from sceneparse.dataset.suffixes import listed
from sceneparse.inference.loading import load_parser
from sceneparse.predict.defaults import BATCH, TILE_ABOVE
from sceneparse.predict.inputs import Lost, Refused, Source, find_sources, read_source
from sceneparse.predict.outputs import Prediction, check_targets, save_prediction, target_files
from sceneparse.predict.video import label_video
from sceneparse.predict.workflow import Look, label_all

if TYPE_CHECKING:
    from sceneparse.inference.parser import SceneParser

SHOWN = 3  # classes named in the table of several pictures


class Results(dict[str, tuple[Prediction | InputError, float]]):
    """Each source's result or error, and the seconds it took, by the source's name; errors are told as they come."""

    def add(self, given: str, result: Prediction | InputError, seconds: float = 0.0) -> None:
        """Take one."""
        self[given] = result, seconds
        if isinstance(result, InputError):
            tqdm.write(f"error: {result}", file=sys.stderr)


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
    as_json: bool = False,
) -> None:
    """Label pictures and videos; print what they show and where their files are.

    Without `card`, the one beside the model counts, if there is one. Raises InputError before any work if the model
    cannot be used or results would take each other's place; exits with 1 at the end if anything failed.
    """
    ignored: Counter[str] = Counter()
    lost: Lost = {}
    named = find_sources(paths, out, ignored)
    sources = [one for one in named if isinstance(one, Source)]
    check_targets(sources, out)
    results = Results()
    for one in named:
        if isinstance(one, Refused):
            results.add(one.given, one.error)
    seconds = 0.0
    if sources:
        parser = load_parser(model, card, palette)
        from sceneparse.inference.parser import Views

        look = Look(Views(tuple(scales), flip), batch, tile_above)
        started = time.perf_counter()
        _label(parser, sources, out, opacity, look, results, lost)
        seconds = time.perf_counter() - started
    order = [one.given for one in named]
    ordered = {given: results[given] for given in order}
    if as_json:
        _print_json(ordered, seconds, lost, ignored)
    else:
        _print_tables(ordered, seconds)
    _print_notes(lost, ignored)
    if any(isinstance(result, InputError) for result, _ in results.values()):
        sys.exit(1)


def _label(
    parser: "SceneParser", sources: list[Source], out: Path, opacity: float, look: Look, results: Results, lost: Lost
) -> None:
    pictures = [source for source in sources if source.kind != "video"]

    def write(source: Source, image: Pixels, annotation: Pixels) -> Prediction:
        return save_prediction(parser, image, annotation, target_files(source, out), opacity)

    with progress(total=len(sources), desc="predict", unit="image") as bar:
        for done in label_all(parser, pictures, partial(read_source, lost=lost), write, look):
            results.add(done.item.given, done.result, done.seconds)
            bar.update()
        for source in sources:
            if source.kind == "video":
                started = time.perf_counter()
                run = partial(label_video, parser, Path(source.given), target_files(source, out), opacity, look)
                results.add(source.given, _tried(run), time.perf_counter() - started)
                bar.update()


def _tried(run: partial[Prediction]) -> Prediction | InputError:
    try:
        return run()
    except InputError as error:
        return error


def _print_notes(lost: Lost, ignored: Counter[str]) -> None:
    """Say on standard error what is not in the results, counted."""
    if ignored:
        print(f"note: ignored, as they cannot be read: {listed(ignored)}", file=sys.stderr)
    for kind, count in sorted(Counter(kind for kinds in lost.values() for kind in kinds).items()):
        print(f"note: {count} of {len(lost)} pictures: {LOST[kind]}", file=sys.stderr)


def _print_json(
    results: dict[str, tuple[Prediction | InputError, float]], seconds: float, lost: Lost, ignored: Counter[str]
) -> None:
    described: list[dict[str, Any]] = []
    for given, (result, its) in results.items():
        content = {"error": str(result)} if isinstance(result, InputError) else result.described()
        notes = [LOST[kind] for kind in lost.get(given, ())]
        described.append({"input": given, "seconds": round(its, 3), **content, "notes": notes})
    failed = sum("error" in one for one in described)
    totals = {"failed": failed, "ignored": dict(sorted(ignored.items())), "seconds": round(seconds, 3)}
    print_json({"pictures": described, **totals})


def _print_tables(results: dict[str, tuple[Prediction | InputError, float]], seconds: float) -> None:
    good = {given: result for given, (result, _) in results.items() if isinstance(result, Prediction)}
    if len(results) == len(good) == 1:
        (prediction,) = good.values()
        print_table(["class_id", "name", "share"], prediction.shares)
        print()
        for kind, path in prediction.files.items():
            print_line(f"{kind + ':':8} {path}")
        return
    if good:
        rows = ((given, str(next(iter(one.files.values()))), _largest(one)) for given, one in good.items())
        print_table(["input", "result", "shows"], rows)
        print(f"\n{len(good)} of {len(results)} labelled, {len(good) / seconds:.1f} a second")


def _largest(prediction: Prediction) -> str:
    return ", ".join(f"{name} {share:.0%}" for _, name, share in prediction.shares[:SHOWN])
