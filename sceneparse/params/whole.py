"""The whole of params.yaml: one section per stage, and what no section can check alone.

Every stage checks the whole file, so that a bad key stops a run before anything slow; it reads its own sections only.
"""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from sceneparse.core.fields import Section
from sceneparse.params.download import Download
from sceneparse.params.evaluate import Evaluate
from sceneparse.params.loader import load
from sceneparse.params.model import Model
from sceneparse.params.prepare import Prepare
from sceneparse.params.train import Train
from sceneparse.params.visualize import Visualize
from sceneparse.params.weights import NO_WEIGHTS, Weights


class Params(Section):
    """The whole of params.yaml."""

    download: Download
    weights: Weights
    prepare: Prepare
    model: Model
    train: Train
    evaluate: Evaluate
    visualize: Visualize

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if self.weights.pretrained and (misfit := self.model.misfit()):
            raise ValueError(f"{misfit}, or weights.source to sources/{NO_WEIGHTS}")
        augment = self.train.augment
        crop = augment.crop or self.prepare.size
        if augment.first_crop and augment.first_crop > crop:
            raise ValueError(
                f"train.augment.first_crop {augment.first_crop} is above the last epochs' window, {crop} pixels"
            )
        return self


def load_params(path: Path) -> Params:
    """Read and validate params.yaml: exactly these sections and keys. Raises InputError that names every bad key."""
    return load(path, Params)
