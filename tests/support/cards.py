"""A model card for tests that need one."""

import json
from typing import Any

from sceneparse.network.card import Card
from sceneparse.scores.palette import palette


def card_content(classes: tuple[str, ...] = ("sky", "road", "tree")) -> dict[str, Any]:
    """A valid card as JSON values, to be changed at will; an older one, without origin."""
    return {
        "format": 2,
        "classes": list(classes),
        "palette": [f"#{colour.tobytes().hex()}" for colour in palette(len(classes))[1:]],
        "preprocessing": {
            "dtype": "uint8",
            "channels": "RGB",
            "size": 64,
            "mode": "squash",
            "interpolation": "bilinear",
            "multiple_of": 32,
            "inside": "subtracts the mean",
        },
        "output": "float32 logits",
        "best": {"epoch": 2, "step": 6, "validation": {"mean_iou": 0.5, "pixel_accuracy": 0.75, "loss": 1.5}},
        "params": {"model": {"width": 0.125}, "train": {"epochs": 3, "augment": {"flip": 0.5}}},
        "data_digest": "sha256:" + 64 * "0",
        "libraries": {"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.0"},
    }


def make_card(**changes: Any) -> Card:
    """Return the card, checked."""
    return Card.model_validate_json(json.dumps(card_content() | changes))
