"""Counts over all converted pairs: problems, unknown codes, and lines for the user.

Unknown codes take bounded memory: a mask that was once a JPEG has thousands of them.
"""

from collections import Counter
from pathlib import Path

from sceneparse.convert.convert_options import ConvertOptions
from sceneparse.convert.hints import HINTS
from sceneparse.convert.mask_legend import Legend
from sceneparse.convert.masks import colour_distance, too_near
from sceneparse.convert.pair_conversion import Converted
from sceneparse.core.errors import InputError, few
from sceneparse.dataset.photos import LOST

MOST_ZEROED = 0.5  # share of pixels above which --unknown ignore deserves a warning
MANY = 1000  # unknown codes that are counted separately
SHOWN = 20  # codes, and turned pictures, in messages
FILES = 3  # of a code in messages


class Tally:
    """Counts over all pairs."""

    def __init__(self, legend: Legend, options: ConvertOptions) -> None:
        self.legend, self.options = legend, options
        self.problems: list[str] = []
        self.kinds: set[str] = set()
        self.pixels = self.moved = self.moved_masks = 0
        self.turned: list[Path] = []
        self.drawn: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()  # pictures by what they leave out
        self.entries: dict[int, tuple[int, Path]] = {}  # colour of a palette's entry, and the first mask that has it
        self.unknown: Counter[int] = Counter()  # pixels of the first MANY codes
        self.unknown_masks: Counter[int] = Counter()
        self.unknown_files: dict[int, list[str]] = {}  # the first FILES of each code
        self.numbers: set[int] = set()  # annotation values
        self.unknown_rest = 0  # pixels of further codes

    @property
    def usable(self) -> bool:
        """Whether all pairs so far can be used."""
        return not self.problems and (self.options.unknown == "ignore" or not self.unknown)

    def add(self, pair: Converted) -> None:
        """Count a pair."""
        notes, mask = pair.notes, pair.source.mask
        self.pixels += notes.pixels
        self.moved += notes.moved
        self.moved_masks += notes.moved > 0
        self.drawn.update(notes.drawn)
        self.numbers |= notes.numbers
        if pair.picture:
            self.lost.update(pair.picture.lost)
            if pair.picture.turned:
                self.turned.append(pair.source.image)
        for code, pixels in notes.unknown.items():
            if code not in self.unknown and len(self.unknown) == MANY:
                self.unknown_rest += pixels
                continue
            self.unknown[code] += pixels
            self.unknown_masks[code] += 1
            if self.unknown_masks[code] <= FILES:
                self.unknown_files.setdefault(code, []).append(f"{self._short(mask)} ({pixels})")
        if self.options.by is None:  # the user has not said that values count and colours do not
            self._compare(mask, notes.entries)
        if pair.problem:
            self._fail(*pair.problem)

    def _fail(self, kind: str, text: str) -> None:
        self.kinds.add(kind)
        self.problems.append(text)

    def _compare(self, mask: Path, entries: dict[int, int]) -> None:
        for value, colour in entries.items():
            first, where = self.entries.setdefault(value, (colour, mask))
            if first != colour and len(self.problems) < MANY:
                self._fail(
                    "palettes", f"{mask}: value {value} is #{colour:06x} in its palette, #{first:06x} in {where}"
                )
                return

    def check(self) -> None:
        """Raise InputError that lists every pair that cannot be used."""
        if self.usable:
            return
        problems, counts = list(self.problems), []
        if problems:
            counts.append(f"pairs that cannot be used: {len(problems):,}")
        if self.unknown and self.options.unknown != "ignore":
            counts.append(f"{self.legend.codes_are} that the table lacks: {len(self.unknown):,}")
            problems += [*self._unknown_lines(), *([] if problems else self._absent_lines())]
            self.kinds |= {"unknown", "soft"} if len(self.unknown) > SHOWN else {"unknown"}
        raise InputError(
            "not all pairs can be used",
            expected=f"a picture and a mask of its size, with the table's {self.legend.codes_are}",
            got="\n    ".join([", ".join(counts), *problems]),
            file=f"{self.options.images} and {self.options.masks}",
            next_step="\n    ".join(hint for kind, hint in HINTS.items() if kind in self.kinds),
        )

    def lines(self) -> list[str]:
        """Return what the user should know about pairs that can be used."""
        lines = [f"{count:,} {what}" for what, count in sorted(self.drawn.items()) if count]
        if self.turned:
            more = f" and {len(self.turned) - SHOWN} more" if len(self.turned) > SHOWN else ""
            named = ", ".join(map(str, self.turned[:SHOWN]))
            lines.append(
                f"{len(self.turned)} pictures turned upright, as EXIF and masks say, and made PNG: {named}{more}"
            )
        lines += [f"{count} pictures: {LOST[kind]}" for kind, count in sorted(self.lost.items())]
        if self.moved and (tolerance := self.options.tolerance) is not None:
            lines.append(f"{self._share(self.moved)} in {self.moved_masks} masks moved to the nearest class")
            if near := too_near(self.legend, tolerance):
                first, second = map(self.legend.text, near)
                lines.append(f"warning: --tolerance {tolerance} cannot tell {first} from {second}")
        lines += [f"unknown, became 0: {line}" for line in self._unknown_lines()]
        if zeroed := self.unknown.total() + self.unknown_rest:
            warning = "warning: " if zeroed > MOST_ZEROED * self.pixels else ""
            lines.append(
                f"{warning}--unknown ignore made {self._share(zeroed)} 0, which is left out of loss and scores"
            )
        return lines

    def _unknown_lines(self) -> list[str]:
        """Return a line for each unknown code with its files, the most frequent first."""
        codes = sorted(self.unknown, key=lambda code: (-self.unknown[code], code))
        lines = []
        for code in codes[:SHOWN]:
            masks = self.unknown_masks[code]
            more = f" and {masks - FILES} more" if masks > FILES else ""
            named = ", ".join(self.unknown_files[code]) + more
            text = f"{self.legend.text(code)}: {self.unknown[code]} pixels in {masks} masks: {named}"
            lines.append(f"{text}; the nearest colour is {self._nearest(code)}" if self.legend.by_colour else text)
        if len(codes) > SHOWN:
            rest = sum(self.unknown[code] for code in codes[SHOWN:]) + self.unknown_rest
            count = f"{len(codes) - SHOWN} others" + (" and more" if self.unknown_rest else "")
            lines.append(f"{count}: {rest} pixels; so many come from smoothed edges, or from a JPEG: see --tolerance")
        return lines

    def _nearest(self, code: int) -> str:
        """Return the class of the table whose colour is the nearest, with that colour."""
        near, number = min(self.legend.codes, key=lambda known: colour_distance(known[0], code))
        return f"{self.legend.names[number - 1] if number else 'ignored'}, {self.legend.text(near)}"

    def _absent_lines(self) -> list[str]:
        """Return a line with the classes that no mask has, if there are any: their codes may be wrong."""
        codes = {number: code for code, number in reversed(self.legend.codes)}  # the first of each
        absent = [
            f"{name}, {self.legend.text(codes[number])}"
            for number, name in enumerate(self.legend.names, 1)
            if number not in self.numbers
        ]
        return [f"in the table, but in no mask: {'; '.join(few(absent))}"] if absent else []

    def _short(self, mask: Path) -> str:
        folder = self.options.masks
        return str(mask.relative_to(folder) if mask.is_relative_to(folder) else mask)

    def _share(self, pixels: int) -> str:
        return f"{pixels} pixels ({pixels / self.pixels:.1%} of all)"
