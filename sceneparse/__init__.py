"""Scene parsing with FCN-8s: datasets, records, the network, scores, and trained models put to use.

from sceneparse import load_parser

parser = load_parser("models/fcn8s.keras")
labels = parser.annotate(image)  # image: RGB, uint8 [H, W, 3]; labels: uint8 [H, W], 1..N = classes, 0 = other
print(parser.classes[labels[0, 0] - 1])  # the class of the upper left pixel
"""

from typing import Any

__all__ = ["load_parser"]


def __getattr__(name: str) -> Any:
    """Import `load_parser` on first use: `import sceneparse` alone costs nothing."""
    if name == "load_parser":
        from sceneparse.inference.loading import load_parser

        return load_parser
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
