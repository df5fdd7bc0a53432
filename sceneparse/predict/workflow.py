"""Pictures through the network: read ahead in threads, labelled in batches, written in threads behind it.

Input: sources, and how to read and write one. Output: each one's result, or the InputError of what could not be read or
written; the rest goes on. Invariant: an annotation does not depend on what is in the batch, and what is in memory
does not grow with the number of sources: a batch being read, one in the network and one being written.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from sceneparse.core.errors import InputError
from sceneparse.core.parallel import in_order, usable_cpus
from sceneparse.dataset.images import Pixels
from sceneparse.predict.defaults import BATCH, TILE_ABOVE

if TYPE_CHECKING:
    from sceneparse.inference.parser import SceneParser, Views

PIXELS = 50_000_000  # of the pictures that wait for others of their size: 150 MB
CANVAS_VALUES = 1 << 28  # probabilities of a tiled picture: a gigabyte
THREADS = min(4, usable_cpus())


class Named(Protocol):
    """A source; `given` is what the user calls it."""

    @property
    def given(self) -> str:
        """Its path or address."""


Item = TypeVar("Item", bound=Named)
Result = TypeVar("Result")


class Look(NamedTuple):
    """How pictures are looked at: views of each, pictures at a time, and above how many pixels in tiles (None: never).

    Without `other`, every pixel gets one of the classes 1..N.
    """

    views: "Views"
    batch: int = BATCH
    tile_above: int | None = TILE_ABOVE
    other: bool = True


class Done(NamedTuple, Generic[Item, Result]):
    """A source's result or its error, and the seconds that went into it."""

    item: Item
    result: Result | InputError
    seconds: float


class _Loaded(NamedTuple, Generic[Item]):
    item: Item
    image: Pixels
    seconds: float


def label_all(
    parser: "SceneParser",
    items: Iterable[Item],
    read: Callable[[Item], Pixels],
    write: Callable[[Item, Pixels, Pixels], Result],
    look: Look,
) -> Iterator[Done[Item, Result]]:
    """Read each item's picture, label it, and write(item, picture, annotation); in the order in which they are done."""

    def load(item: Item) -> _Loaded[Item] | Done[Item, Result]:
        started = time.perf_counter()
        try:
            return _Loaded(item, read(item), time.perf_counter() - started)
        except InputError as error:
            return Done(item, error, time.perf_counter() - started)

    def save(one: _Loaded[Item], annotation: Pixels, seconds: float) -> Done[Item, Result]:
        started = time.perf_counter()
        try:
            result: Result | InputError = write(one.item, one.image, annotation)
        except InputError as error:
            result = error
        return Done(one.item, result, one.seconds + seconds + time.perf_counter() - started)

    readers, writers = ThreadPoolExecutor(THREADS), ThreadPoolExecutor(THREADS)
    written: list[Future[Done[Item, Result]]] = []
    try:
        for group in by_size(in_order(readers, load, items, ahead=THREADS), parser, look):
            if isinstance(group, Done):
                yield group
                continue
            started = time.perf_counter()
            try:
                annotations = annotate([one.image for one in group], parser, look, group[0].item.given)
            except InputError as error:
                yield from (Done(one.item, error, one.seconds) for one in group)
                continue
            seconds = (time.perf_counter() - started) / len(group)
            yield from (future.result() for future in written)  # of the batch before
            pairs = zip(group, annotations, strict=True)
            written = [writers.submit(save, one, annotation, seconds) for one, annotation in pairs]
        yield from (future.result() for future in written)
    finally:
        for pool in (readers, writers):
            pool.shutdown(cancel_futures=True)


def by_size(
    loaded: Iterable[_Loaded[Item] | Done[Item, Result]], parser: "SceneParser", look: Look
) -> Iterator[list[_Loaded[Item]] | Done[Item, Result]]:
    """Batches of pictures that the network sees at one size; those to be tiled alone; what failed as it is."""
    waiting: dict[tuple[int, int], list[_Loaded[Item]]] = {}
    for one in loaded:
        if isinstance(one, Done):
            yield one
            continue
        height, width = one.image.shape[:2]
        if _tiled(one.image, look):
            yield [one]
            continue
        size = parser.fitted(width, height)
        waiting.setdefault(size, []).append(one)
        if len(waiting[size]) == look.batch:
            yield waiting.pop(size)
        while sum(map(_pixels, waiting.values())) > PIXELS:
            yield waiting.pop(max(waiting, key=lambda size: _pixels(waiting[size])))
    yield from waiting.values()


def annotate(images: list[Pixels], parser: "SceneParser", look: Look, name: object) -> list[Pixels]:
    """Annotations, uint8 [H, W], of pictures that the network sees at one size; of one alone, `name`, if in tiles.

    Raises InputError where the tiles would take too much memory.
    """
    from sceneparse.inference.tiles import annotate_tiled, plan_tiles

    if not _tiled(images[0], look):
        return parser.annotate_batch(images, look.views, look.other)
    (image,) = images
    height, width = image.shape[:2]
    tiling = plan_tiles(parser, width, height, look.tile_above or 1)
    values = tiling.area * len(parser.classes)
    if values > CANVAS_VALUES:
        raise InputError(
            "the tiles are too small for so large a picture",
            expected=f"at most {CANVAS_VALUES} probabilities to hold in memory",
            got=f"{values}, for {len(tiling.corners)} tiles and {len(parser.classes)} classes",
            file=name,
            next_step="raise --tile-above: tiles become as large as it says",
        )
    return [annotate_tiled(parser, image, tiling, look.views, look.batch)]


def _tiled(image: Pixels, look: Look) -> bool:
    return look.tile_above is not None and image.shape[0] * image.shape[1] > look.tile_above


def _pixels(group: list[_Loaded[Item]]) -> int:
    return sum(one.image.size // 3 for one in group)
