"""Pictures through the network: read ahead in threads, labelled in batches, written in threads behind it.

Input: sources, and how to read and write one. Output: each one's result, or the InputError of reading or writing it; an
error stops no other, except for a full disk and the like. Invariant: labels do not depend on the rest of its
batch, and memory does not grow with the number of sources: one batch is being read, one is in the network and one is
being written.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from sceneparse.core.errors import InputError
from sceneparse.core.file_errors import raise_passing
from sceneparse.core.parallel import THREADS, in_order
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.picture_formats import TooLargeError
from sceneparse.inference.views import Described, Labels, Views, too_large
from sceneparse.predict.defaults import BATCH, TILE_ABOVE
from sceneparse.predict.inputs import Source

if TYPE_CHECKING:
    from sceneparse.inference.parser import SceneParser
    from sceneparse.predict.exported import ExportedParser

    Parser = SceneParser | ExportedParser

PIXELS = 50_000_000  # of pictures that wait for others of their size: 150 MB
CANVAS_VALUES = 1 << 28  # probabilities of a tiled picture: a gigabyte

Result = TypeVar("Result")


class LabelOptions(NamedTuple):
    """How to label: views of each picture, pictures per batch, and above how many pixels in tiles (None: never).

    Without `other`, every pixel gets one of the classes 1..N. `confidence`: whether the labels have theirs.
    """

    views: Views
    batch: int = BATCH
    tile_above: int | None = TILE_ABOVE
    other: bool = True
    confidence: bool = False


class Done(NamedTuple, Generic[Result]):
    """A source's result or its error, and the seconds it took."""

    source: Source
    result: Result | InputError
    seconds: float


class Loaded(NamedTuple):
    """A source's picture, RGB uint8 [H, W, 3], and the seconds it took to read."""

    source: Source
    image: Pixels
    seconds: float


def label_all(
    parser: "Parser",
    sources: Iterable[Source],
    read: Callable[[Source], Pixels],
    write: Callable[[Source, Pixels, Labels], Result],
    options: LabelOptions,
) -> Iterator[Done[Result]]:
    """Read each source's picture, label it, and write(source, picture, labels); yield results as they come."""

    def load(source: Source) -> Loaded | Done[Result]:
        started = time.perf_counter()
        try:
            return Loaded(source, read(source), time.perf_counter() - started)
        except (InputError, MemoryError) as error:
            return Done(source, _own(error, source.name), time.perf_counter() - started)

    def save(loaded: Loaded, labels: Labels, seconds: float) -> Done[Result]:
        started = time.perf_counter()
        try:
            result: Result | InputError = write(loaded.source, loaded.image, labels)
        except (InputError, MemoryError) as error:
            result = _own(error, loaded.source.name)
        return Done(loaded.source, result, loaded.seconds + seconds + time.perf_counter() - started)

    readers, writers = ThreadPoolExecutor(THREADS), ThreadPoolExecutor(THREADS)
    written: list[Future[Done[Result]]] = []
    try:
        for group in by_size(in_order(readers, load, sources, ahead=THREADS), parser, options):
            if isinstance(group, Done):
                yield group
                continue
            started = time.perf_counter()
            try:
                labelled = annotate([loaded.image for loaded in group], parser, options, group[0].source.name)
            except (InputError, MemoryError) as error:
                yield from (Done(loaded.source, _own(error, loaded.source.name), loaded.seconds) for loaded in group)
                continue
            seconds = (time.perf_counter() - started) / len(group)
            yield from (future.result() for future in written)  # the batch before
            pairs = zip(group, labelled, strict=True)
            written = [writers.submit(save, loaded, labels, seconds) for loaded, labels in pairs]
        yield from (future.result() for future in written)
    finally:
        for pool in (readers, writers):
            pool.shutdown(cancel_futures=True)


def by_size(
    inputs: Iterable[Loaded | Done[Result]], parser: Described, options: LabelOptions
) -> Iterator[list[Loaded] | Done[Result]]:
    """Yield batches of pictures that the network takes at one size; those to be tiled alone; errors unchanged."""
    waiting: dict[tuple[int, int], list[Loaded]] = {}
    for loaded in inputs:
        if isinstance(loaded, Done):
            yield loaded
            continue
        height, width = loaded.image.shape[:2]
        if _tiled(width, height, options):
            yield [loaded]
            continue
        try:
            most = at_once(width, height, parser, options, loaded.source.name)
        except InputError as error:
            yield Done(loaded.source, error, loaded.seconds)
            continue
        size = parser.fitted(width, height)
        waiting.setdefault(size, []).append(loaded)
        if len(waiting[size]) == most:
            yield waiting.pop(size)
        while sum(map(_pixels, waiting.values())) > PIXELS:
            yield waiting.pop(max(waiting, key=lambda size: _pixels(waiting[size])))
    yield from waiting.values()


def at_once(width: int, height: int, parser: Described, options: LabelOptions, name: object) -> int:
    """Return how many pictures of this size to label in one batch.

    Raises InputError, with `name`, if the network would take one at too large a size.
    """
    if _tiled(width, height, options):
        return 1
    try:
        return parser.batch_of(parser.fitted(width, height, options.views), options.views, options.batch)
    except TooLargeError as error:
        raise too_large(error, name) from None


def annotate(images: list[Pixels], parser: "Parser", options: LabelOptions, name: object) -> list[Labels]:
    """Return the labels of pictures that the network takes at one size, or of one alone in tiles.

    Raises InputError, with `name`, if the tiles would take too much memory.
    """
    height, width = images[0].shape[:2]
    if not _tiled(width, height, options):
        return parser.annotate_batch(images, options.views, options.other, options.confidence)
    whole = parser.whole
    from sceneparse.inference.tiles import annotate_tiled, plan_tiles

    (image,) = images
    try:
        tiling = plan_tiles(whole, width, height, options.tile_above or 1, options.views)
    except TooLargeError as error:
        raise too_large(error, name) from None
    values = tiling.area * len(whole.classes)
    if values > CANVAS_VALUES:
        raise InputError(
            "the tiles are too small for so large a picture",
            expected=f"at most {CANVAS_VALUES} probabilities to hold in memory",
            got=f"{values}, for {len(tiling.corners)} tiles and {len(whole.classes)} classes",
            file=name,
            next_step="raise --tile-above, which is the size of a tile",
        )
    return [annotate_tiled(whole, image, tiling, options.views, options.batch, options.confidence)]


def _own(error: InputError | MemoryError, name: object) -> InputError:
    """Return the error of one picture. Raises TransientError for a full disk: all other pictures would fail as well."""
    raise_passing(error)
    if isinstance(error, InputError):
        return error
    return InputError(
        "the picture needs more memory than there is",
        expected="a picture that fits into the memory with the others of its batch",
        got=str(error) or type(error).__name__,
        file=name,
        next_step="name it alone, with --batch 1; or scale it down",
    )


def _tiled(width: int, height: int, options: LabelOptions) -> bool:
    return options.tile_above is not None and width * height > options.tile_above


def _pixels(group: list[Loaded]) -> int:
    return sum(loaded.image.size // 3 for loaded in group)
