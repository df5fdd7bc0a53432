"""Options of `sceneparse convert`, as its command line has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ConvertOptions:
    """Where pictures and annotations are, what their codes mean, and how to split them: by lists, share or folders."""

    images: Path
    masks: Path  # or the annotations of a tool
    classes: Path | None
    image_suffix: str
    mask_suffix: str
    by: str | None  # value or colour
    ignore: Sequence[str] | None
    background: str | None
    unknown: str  # refuse, or ignore: codes and labels that the table lacks become 0
    tolerance: int | None  # with one, masks may be JPEGs
    unpaired: str  # refuse, or skip: files without partner are left out
    lists: Sequence[Path] | None  # of training and validation
    share: float | None
    folders: Sequence[str] | None  # of training and validation; empty = the usual names
    seed: int

    @property
    def skip_unpaired(self) -> bool:
        """Whether files may lack a partner."""
        return self.unpaired == "skip" or bool(self.lists)
