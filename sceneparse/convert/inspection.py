"""A dataset, zip or directory -> all findings about it, and counts of its contents.

Reader and checks are those of the stages, so that prepare accepts every dataset without errors here.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from sceneparse.convert.findings import KINDS, Finding
from sceneparse.convert.pair_inspection import Contents, inspect_pairs
from sceneparse.core.files import is_text
from sceneparse.core.listing import files_below
from sceneparse.core.parallel import in_parallel
from sceneparse.dataset.archive import Dataset, SplitMembers
from sceneparse.dataset.class_table import class_colours, scan_class_table
from sceneparse.dataset.layout import CLASS_TABLE, SCENES, SPLITS

CHUNK = 8  # pairs per task
DARK = 64  # of 255: a quarter of the range, as 14 bits in 16 have
CLUTTER = (".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Report:
    """All findings, the names of classes, () if the table is not valid, and the contents of each split."""

    findings: list[Finding]
    classes: tuple[str, ...]
    contents: dict[str, Contents]

    def of_severity(self, error: bool) -> dict[str, list[Finding]]:
        """Return the errors, or the warnings, by kind."""
        by_kind = {kind: [finding for finding in self.findings if finding.kind == kind] for kind in KINDS}
        return {kind: findings for kind, findings in by_kind.items() if findings and KINDS[kind].error == error}

    @property
    def usable(self) -> bool:
        """Whether there are no errors."""
        return not self.of_severity(error=True)


def inspect(path: Path, batch_size: int) -> Report:
    """Check all of a dataset. Raises InputError if it cannot be opened at all."""
    with Dataset(path) as dataset:
        names, findings = _class_table(dataset)
        findings += [Finding("trees", root or "./", "") for root in dataset.other_roots]
        splits = {split: dataset.split(split) for split in SPLITS}
        for split in SPLITS:
            findings += _layout(split, splits[split], dataset.path)
        findings += _scenes(dataset)
        findings += _ignored_files(dataset, splits)
    contents = {split: Contents() for split in SPLITS}
    for split in SPLITS:
        inspect_some = partial(inspect_pairs, path.absolute(), len(names) or None)
        for some in in_parallel(inspect_some, splits[split].pairs, CHUNK, f"check {split}"):
            contents[split].add(some)
        findings += [*contents[split].findings, *_pictures(split, contents[split])]
    findings += [*_labels(names, contents), *_leaks(contents)]
    if 0 < len(splits["training"].pairs) < batch_size:
        findings.append(
            Finding("batch", "training", f"{len(splits['training'].pairs)} pairs, a batch has {batch_size}")
        )
    return Report(findings, names, contents)


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
    alone = {"image_alone": split.images_alone, "annotation_alone": split.annotations_alone, "doubles": split.doubles}
    for kind, members in alone.items():
        for member in members:
            path = dataset / member  # never exists for a zip
            dangling = path.is_symlink() and not path.exists()
            yield Finding(kind, member, f"a link to {path.readlink()}, where no file is" if dangling else "")
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


def _ignored_files(dataset: Dataset, splits: dict[str, SplitMembers]) -> Iterator[Finding]:
    """Count, by folder and suffix, the files below images/ and annotations/ that no split has."""
    used: set[str] = set()
    for split in splits.values():
        used |= {member for pair in split.pairs for member in (pair.image, pair.annotation)}
        used |= {*split.images_alone, *split.annotations_alone, *split.doubles}
    names, unread = _below(dataset.path, dataset.root) if dataset.path.is_dir() else (dataset.members, [])
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
    """Return all files below images/ and annotations/, and findings about folders, of no split, that refuse reading."""
    names: list[str] = []
    errors: list[OSError] = []
    for kind in ("images", "annotations"):
        files = files_below(folder / root / kind, errors)
        names += [path.relative_to(folder).as_posix() for path in files]
    unread = [
        Finding("passed_over", Path(error.filename).relative_to(folder).as_posix(), str(error.strerror))
        for error in errors
        if isinstance(error, PermissionError)  # a missing folder is no finding
    ]
    return sorted(names), unread


def _pictures(split: str, contents: Contents) -> Iterator[Finding]:
    """Count pictures whose pixels leave something out, and those that their EXIF turns: there may be thousands."""
    for kind, members in sorted(contents.pictures.items()):
        yield Finding(kind, split, f"{len(members)} of {contents.pairs} pictures, such as {members[0]}")
    if "depth" in contents.pictures and (brightest := contents.brightest) < DARK:
        above = 256 * (brightest + 1)
        yield Finding("dark", split, f"values below {above} of 65536: the brightest becomes {brightest} of 255")


def _labels(names: tuple[str, ...], contents: dict[str, Contents]) -> Iterator[Finding]:
    """Judge classes and splits by the pixels' values."""
    training, validation = (contents[split].values for split in SPLITS)
    for split, values in zip(SPLITS, (training, validation), strict=True):
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


def _leaks(contents: dict[str, Contents]) -> Iterator[Finding]:
    training = {digest: member for member, digest in contents["training"].digests}
    for member, digest in contents["validation"].digests:
        if digest in training:
            yield Finding("leak", member, f"same pixels as {training[digest]}")
