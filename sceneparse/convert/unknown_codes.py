"""Values and colours of masks that the class table does not have: how often, and in which files.

Memory is bounded: a mask that was once a JPEG has thousands of them.
"""

from pathlib import Path

from sceneparse.convert.mask_legend import Legend

MANY = 1000  # codes that are counted one by one
SHOWN = 20  # codes, and files of each, that are named


class Unknown:
    """`pixels`: by code, of the first MANY codes; `files`: (path, pixels) of the first files of each."""

    def __init__(self) -> None:
        self.pixels: dict[int, int] = {}
        self.masks: dict[int, int] = {}
        self.files: dict[int, list[tuple[Path, int]]] = {}
        self.others = 0  # pixels of further codes

    def __bool__(self) -> bool:
        return bool(self.pixels)

    def add(self, mask: Path, counts: dict[int, int]) -> None:
        """Count what a mask has."""
        for code, pixels in counts.items():
            if code not in self.pixels and len(self.pixels) == MANY:
                self.others += pixels
                continue
            self.pixels[code] = self.pixels.get(code, 0) + pixels
            self.masks[code] = self.masks.get(code, 0) + 1
            files = self.files.setdefault(code, [])
            if len(files) < SHOWN:
                files.append((mask, pixels))

    def lines(self, legend: Legend) -> list[str]:
        """The most frequent first, each with its files."""
        codes = sorted(self.pixels, key=lambda code: (-self.pixels[code], code))
        lines = []
        for code in codes[:SHOWN]:
            named = ", ".join(f"{path} ({pixels})" for path, pixels in self.files[code])
            more = f" and {self.masks[code] - SHOWN} more" if self.masks[code] > SHOWN else ""
            lines.append(f"{legend.text(code)}: {self.pixels[code]} pixels in {self.masks[code]} masks: {named}{more}")
        if len(codes) > SHOWN:
            rest = sum(self.pixels[code] for code in codes[SHOWN:]) + self.others
            count = f"{len(codes) - SHOWN} others" + (" and more" if self.others else "")
            lines.append(f"{count}: {rest} pixels; so many come of smoothed edges, or of a JPEG: see --tolerance")
        return lines
