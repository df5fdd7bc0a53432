"""Draw exactly a share of the pairs for validation, and that share of each class, as nearly as possible.

Each pair counts for the rarest of its classes, and each class gives its share of its pairs, by a hash of their names:
the draw depends on names, classes and the seed alone, and few pairs change sides when others are added.
"""

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial

import numpy as np

from sceneparse.convert.annotations.album import annotate_source, label_classes
from sceneparse.convert.mask_legend import Legend
from sceneparse.convert.pairing import Source
from sceneparse.core.parallel import in_parallel
from sceneparse.dataset.pairs import DAMAGE

CHUNK = 2  # masks per task


def find_classes(pairs: Sequence[Source], legend: Legend, tolerance: int | None) -> list[frozenset[int]]:
    """Return the annotation values of each pair but 0; an empty set for a mask that cannot be used."""
    if (known := label_classes(pairs, legend)) is not None:
        return known
    find_some: Callable[[tuple[Source, ...]], list[frozenset[int]]] = partial(_mask_classes, legend, tolerance)
    return [values for some in in_parallel(find_some, pairs, CHUNK, "look up classes") for values in some]


def _mask_classes(legend: Legend, tolerance: int | None, sources: tuple[Source, ...]) -> list[frozenset[int]]:
    classes: list[frozenset[int]] = []
    for source in sources:
        values: list[int] = []
        with suppress(*DAMAGE):  # converting the pair reports it
            values = np.unique(annotate_source(source, legend, tolerance)[0]).tolist()
        classes.append(frozenset(values) - {0})
    return classes


def draw(pairs: Sequence[Source], classes: Sequence[frozenset[int]], share: float, seed: int) -> list[int]:
    """Return 0 for pairs of training and 1 for those of validation: round(share * N), but at least 1 of each.

    `classes`: the annotation values in each pair's mask.
    """
    wanted = max(min(round(share * len(pairs)), len(pairs) - 1), min(1, len(pairs) - 1))
    counts = Counter(value for values in classes for value in values)
    rarest = [min(values, key=lambda value: (counts[value], value), default=0) for values in classes]
    groups: dict[int, list[int]] = defaultdict(list)
    for index in sorted(range(len(pairs)), key=lambda index: _hash(pairs[index].path, seed)):
        groups[rarest[index]].append(index)
    quotas = _quotas({value: len(group) for value, group in groups.items()}, wanted, len(pairs))
    chosen = [0] * len(pairs)
    for value, group in groups.items():
        for index in group[: quotas[value]]:
            chosen[index] = 1
    return chosen


def _quotas(sizes: dict[int, int], wanted: int, total: int) -> dict[int, int]:
    """Return how many each group gives: its share rounded down, then one at a time from where most is missing.

    A group gives its last pair only if no group has another: training needs it more.
    """
    exact = {value: Fraction(size * wanted, total) for value, size in sizes.items()}
    quotas = {value: int(part) for value, part in exact.items()}

    def reluctance(value: int) -> tuple[int, Fraction, int, int]:
        left = sizes[value] - quotas[value]
        return {0: 2, 1: 1}.get(left, 0), quotas[value] - exact[value], sizes[value], value

    for _ in range(wanted - sum(quotas.values())):
        quotas[min(sizes, key=reluctance)] += 1
    return quotas


def _hash(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{unicodedata.normalize('NFC', name)}".encode(errors="surrogateescape")).digest()
