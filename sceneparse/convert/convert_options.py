"""Options of `sceneparse convert` about pictures, annotations and their classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ConvertOptions:
    """Flags as the command line has them, and what they allow."""

    images: Path
    masks: Path
    classes: Path | None
    image_suffix: str
    mask_suffix: str
    by: str | None
    ignore: Sequence[str] | None
    background: str | None
    unknown: bool  # codes and labels that the table lacks become 0
    unpaired: bool  # files without partner are left out
    lossy: bool  # masks may be JPEGs
