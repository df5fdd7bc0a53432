"""A small network that tells colours apart by its score layers' random weights alone, saved with its card."""

from pathlib import Path
from typing import Any

import numpy as np
from cards import card_content, make_card
from network_params import model_params

SIZE = 64  # of the card's training squares


def save_small_model(folder: Path, classes: tuple[str, ...] = ("sky", "road", "tree"), **preprocessing: Any) -> Path:
    """Write fcn8s.keras and fcn8s.json; `preprocessing` changes the card's."""
    from sceneparse.network.fcn8s import build_fcn8s
    from sceneparse.network.saving import save_card, save_model

    content = card_content(classes)
    card = make_card(**{**content, "preprocessing": {**content["preprocessing"], "size": SIZE, **preprocessing}})
    network = build_fcn8s(len(classes), model_params(width=1 / 64))
    kernel, bias = network.get_layer("score_pool3").weights
    generator = np.random.default_rng(0)
    kernel.assign(generator.normal(size=kernel.shape))
    bias.assign(np.zeros(bias.shape))
    path = folder / "fcn8s.keras"
    save_model(network, path, card)
    save_card(path.with_suffix(".json"), path, card)
    return path
