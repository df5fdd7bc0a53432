"""What became of the pairs that were converted: what is wrong with them, and what is worth saying.

Memory does not grow with pairs that are in order.
"""

from collections import Counter
from pathlib import Path

from sceneparse.convert.hints import next_step
from sceneparse.convert.mask_legend import Legend
from sceneparse.convert.masks import Notes
from sceneparse.convert.nearest import too_near
from sceneparse.convert.pairing import Source
from sceneparse.convert.unknown_codes import MANY, SHOWN, Unknown
from sceneparse.core.errors import InputError
from sceneparse.dataset.photos import LOST

MOST = 0.5  # share of pixels above which --unknown ignore deserves a warning


class Tally:
    """Counts over all pairs.

    `ignored`: codes that the legend lacks may become 0. `agree`: palettes must, as masks are read by value and nobody
    has said so.
    """

    def __init__(self, legend: Legend, tolerance: int | None, *, ignored: bool, agree: bool) -> None:
        self.legend, self.tolerance, self.ignored, self.agree = legend, tolerance, ignored, agree
        self.problems: list[str] = []
        self.kinds: set[str] = set()
        self.unknown = Unknown()
        self.pixels = self.moved = self.moved_masks = self.turned = 0
        self.named: list[Path] = []  # the first pictures that were turned
        self.drawn: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()  # pictures by what was left out of them
        self.entries: dict[int, tuple[int, Path]] = {}  # colour of a palette's entry, and the first mask that has it

    @property
    def usable(self) -> bool:
        """Whether all pairs so far can be used."""
        return not self.problems and (self.ignored or not self.unknown)

    def add(self, source: Source, notes: Notes, *, turned: bool, lost: tuple[str, ...]) -> None:
        """Count a pair."""
        self.pixels += notes.pixels
        self.moved += notes.moved
        self.moved_masks += notes.moved > 0
        self.turned += turned
        self.drawn.update(notes.drawn)
        self.lost.update(lost)
        if turned and len(self.named) < SHOWN:
            self.named.append(source.image)
        self.unknown.add(source.mask, notes.unknown)
        if self.agree:
            self._compare(source.mask, notes.entries)

    def fail(self, kind: str, text: str) -> None:
        """Note a pair that cannot be used."""
        self.kinds.add(kind)
        self.problems.append(text)

    def check(self, where: str, expected: str) -> None:
        """Raise InputError that lists every pair that cannot be used."""
        if self.usable:
            return
        problems = list(self.problems)
        if self.unknown and not self.ignored:
            problems += self.unknown.lines(self.legend)
            self.kinds |= {"unknown", "soft"} if len(self.unknown.pixels) > SHOWN else {"unknown"}
        raise InputError(
            "not all pairs can be used",
            expected=expected,
            got="\n    ".join(["", *problems]),
            file=where,
            next_step=next_step(self.kinds),
        )

    def lines(self) -> list[str]:
        """What is worth saying of pairs that can be used."""
        lines = [f"{count:,} {what}" for what, count in sorted(self.drawn.items()) if count]
        if self.turned:
            more = f" and {self.turned - len(self.named)} more" if self.turned > len(self.named) else ""
            named = ", ".join(map(str, self.named))
            lines.append(f"{self.turned} pictures turned upright, as EXIF and masks say, and made PNG: {named}{more}")
        lines += [f"{count} pictures: {LOST[kind]}" for kind, count in sorted(self.lost.items())]
        if self.moved and self.tolerance is not None:
            lines.append(f"{self._share(self.moved)} in {self.moved_masks} masks moved to the nearest class")
            if near := too_near(self.legend, self.tolerance):
                first, second = map(self.legend.text, near)
                lines.append(f"warning: of {first} and {second}, --tolerance {self.tolerance} cannot tell which it was")
        lines += [f"unknown, became 0: {line}" for line in self.unknown.lines(self.legend)]
        if zeroed := sum(self.unknown.pixels.values()) + self.unknown.others:
            warning = "warning: " if zeroed > MOST * self.pixels else ""
            lines.append(
                f"{warning}--unknown ignore made {self._share(zeroed)} 0, which is left out of loss and scores"
            )
        return lines

    def _share(self, pixels: int) -> str:
        return f"{pixels} pixels ({pixels / self.pixels:.1%} of all)"

    def _compare(self, mask: Path, entries: dict[int, int]) -> None:
        for value, colour in entries.items():
            first, where = self.entries.setdefault(value, (colour, mask))
            if first != colour and len(self.problems) < MANY:
                self.fail("palettes", f"{mask}: value {value} is #{colour:06x} in its palette, #{first:06x} in {where}")
                return
