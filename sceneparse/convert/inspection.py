"""A dataset, zip or directory -> everything that is wrong with it, and what it holds.

Reader and checks are those of the stages, so that what is found without errors here, prepare takes.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from sceneparse.convert.findings import KINDS, Finding
from sceneparse.convert.pair_inspection import Look, Seen, look_at
from sceneparse.core.files import is_text
from sceneparse.core.listing import files_below
from sceneparse.core.parallel import in_parallel
from sceneparse.dataset.archive import CLASS_TABLE, SCENES, SPLITS, Dataset, SplitMembers
from sceneparse.dataset.class_table import class_colours, scan_class_table

CHUNK = 8  # pairs per task
DARK = 64  # of 255: a quarter of the range, as 14 bits in 16 have
CLUTTER = (".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Report:
    """`classes` is empty where the class table is not valid; `seen` has what the pairs of each split hold."""

    findings: list[Finding]
    classes: tuple[str, ...]
    seen: dict[str, Seen]

    def of_severity(self, error: bool) -> dict[str, list[Finding]]:
        """The errors, or the warnings, by kind."""
        found: dict[str, list[Finding]] = {kind: [] for kind in KINDS if KINDS[kind].error == error}
        for finding in self.findings:
            if finding.kind in found:
                found[finding.kind].append(finding)
        return {kind: those for kind, those in found.items() if those}

    @property
    def usable(self) -> bool:
        """Whether there are no errors."""
        return not self.of_severity(error=True)


def inspect(path: Path, batch_size: int) -> Report:
    """Look at all of a dataset. Raises InputError when it cannot be opened at all."""
    with Dataset(path) as dataset:
        names, findings = _class_table(dataset)
        splits = {split: dataset.split(split) for split in SPLITS}
        for split in SPLITS:
            findings += _layout(split, splits[split], dataset.path)
        findings += _scenes(dataset)
        findings += _passed_over(dataset, splits)
    classes = len(names) or None
    seen = {split: Seen() for split in SPLITS}
    for split in SPLITS:
        looks = [Look(path.absolute(), pair, classes) for pair in splits[split].pairs]
        for some in in_parallel(look_at, looks, CHUNK, f"check {split}"):
            seen[split].add(some)
        findings += [*seen[split].findings, *_of_pictures(split, seen[split])]
    findings += [*_of_labels(names, seen), *_leaks(seen)]
    if 0 < len(splits["training"].pairs) < batch_size:
        findings.append(
            Finding("batch", "training", f"{len(splits['training'].pairs)} pairs, a batch has {batch_size}")
        )
    return Report(findings, names, seen)


def _class_table(dataset: Dataset) -> tuple[tuple[str, ...], list[Finding]]:
    if len(dataset.tables) != 1:
        named = ", ".join(dataset.tables)
        text = f"{len(dataset.tables)} of them: {named}" if named else "there is none"
        return (), [Finding("class_table", CLASS_TABLE, text)]
    table = dataset.tables[0]
    try:
        names, problems = scan_class_table(dataset.content(table))
    except ValueError as error:
        names, problems = (), [str(error)]
    if problems:
        return (), [Finding("class_table", table, problem) for problem in problems]
    counts = Counter(names)
    same = [
        Finding("same_name", f"class {number}", name) for number, name in enumerate(names, start=1) if counts[name] > 1
    ]
    colours = class_colours(dataset.content(table))
    shared = [
        Finding("same_colour", f"class {number}", f"{names[number - 1]}: {colour}, as {names[colours.index(colour)]}")
        for number, colour in enumerate(colours, start=1)
        if colour and colours.index(colour) < number - 1
    ]
    return names, same + shared


def _layout(name: str, split: SplitMembers, dataset: Path) -> Iterator[Finding]:
    for kind, members in (
        ("image_alone", split.images_alone),
        ("annotation_alone", split.annotations_alone),
        ("doubles", split.doubles),
    ):
        for member in members:
            path = dataset / member  # of a zip there is no such path
            lost = path.is_symlink() and not path.exists()
            yield Finding(kind, member, f"a link to {path.readlink()}, where no file is" if lost else "")
    for pair in split.pairs:
        if not is_text(pair.id):
            yield Finding("name", pair.image, "")
    if not split.pairs:
        yield Finding("empty", name, "no pairs")


def _scenes(dataset: Dataset) -> Iterator[Finding]:
    member = dataset.root + SCENES
    try:
        if member in dataset.members:
            dataset.content(member).decode()
    except ValueError as error:
        yield Finding("scenes", member, str(error))


def _passed_over(dataset: Dataset, splits: dict[str, SplitMembers]) -> Iterator[Finding]:
    """Files below images/ and annotations/ that no split has: counted by folder and suffix."""
    used: set[str] = set()
    for split in splits.values():
        used |= {member for pair in split.pairs for member in (pair.image, pair.annotation)}
        used |= {*split.images_alone, *split.annotations_alone, *split.doubles}
    is_zip = not dataset.path.is_dir()
    names, unread = (dataset.members, []) if is_zip else _below(dataset.path, dataset.root)
    counts: Counter[tuple[str, str]] = Counter()
    for name in names:
        path = PurePosixPath(name)
        below = name.startswith((f"{dataset.root}images/", f"{dataset.root}annotations/"))
        if below and name not in used and not name.endswith("/") and path.name not in CLUTTER:
            counts[str(path.parent), path.suffix] += 1
    for (folder, suffix), count in counts.items():
        yield Finding("passed_over", folder, f"{count} x *{suffix}")
    yield from unread


def _below(folder: Path, root: str) -> tuple[list[str], list[Finding]]:
    """All files in the places of pictures and annotations, and the folders that cannot be read: of no split, here."""
    names: list[str] = []
    errors: list[OSError] = []
    for kind in ("images", "annotations"):
        files = files_below(folder / root / kind, errors)
        names += [path.relative_to(folder).as_posix() for path in files]
    unread = [
        Finding("passed_over", Path(error.filename).relative_to(folder).as_posix(), str(error.strerror))
        for error in errors
        if isinstance(error, PermissionError)  # not where there is no such place
    ]
    return sorted(names), unread


def _of_pictures(split: str, seen: Seen) -> Iterator[Finding]:
    """What the pixels leave out, and pictures that their EXIF turns: counted, as there may be thousands."""
    for kind, members in sorted(seen.pictures.items()):
        yield Finding(kind, split, f"{len(members)} of {seen.pairs} pictures, such as {members[0]}")
    if "depth" in seen.pictures and seen.brightest < DARK:
        above = 256 * (seen.brightest + 1)
        yield Finding("dark", split, f"values below {above} of 65536: the brightest becomes {seen.brightest} of 255")


def _of_labels(names: tuple[str, ...], seen: dict[str, Seen]) -> Iterator[Finding]:
    """What the pixels' values say about classes and splits."""
    training, validation = (seen[split].values for split in SPLITS)
    for split in SPLITS:
        values = seen[split].values
        if values.any() and not values[1:].any():
            yield Finding("no_labels", split, "no pixel has a class")
    if not names or not training.any():
        return
    if len(names) == 1:
        yield Finding("one_class", "class 1", names[0])
    for number, name in enumerate(names, start=1):
        if not training[number]:
            kind = "validation_only" if validation[number] else "unseen"
            yield Finding(kind, f"class {number}", name)
    yield from _off_by_one(names, training + validation)


def _off_by_one(names: tuple[str, ...], values: npt.NDArray[np.int64]) -> Iterator[Finding]:
    last = len(names)
    occur = np.flatnonzero(values)
    if values[0] and not values[last] and values[1:last].all() and last > 1:
        share = f"{values[0] / values.sum():.1%}"
        yield Finding("off_by_one", f"class {last}", f"{names[-1]} never occurs, and 0 has {share} of the pixels")
    if not values[0] and values[1 : last + 1].sum() and occur.max() == last + 1:
        yield Finding("off_by_one", f"value {last + 1}", "the highest there is, and 0 never occurs")


def _leaks(seen: dict[str, Seen]) -> Iterator[Finding]:
    training = {digest: member for member, digest in seen["training"].digests}
    for member, digest in seen["validation"].digests:
        if digest in training:
            yield Finding("leak", member, f"same pixels as {training[digest]}")
