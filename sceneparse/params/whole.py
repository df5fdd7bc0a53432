"""The whole of params.yaml: its sections, and the checks across them.

Every stage checks the whole file, so that a bad key stops a run before anything slow, and reads its own sections only.
The defaults are the embedded demo's values. They fill in keys that a preset leaves out, never keys of params.yaml.
"""

from pathlib import Path
from typing import Self, get_args

from pydantic import model_validator

from sceneparse.core.fields import Section
from sceneparse.params.download import Download
from sceneparse.params.evaluate import Evaluate
from sceneparse.params.loader import checked, read_yaml
from sceneparse.params.model import Model
from sceneparse.params.prepare import Prepare
from sceneparse.params.train import Train
from sceneparse.params.visualize import Visualize
from sceneparse.params.weights import NO_WEIGHTS, Weights


class Params(Section):
    """The whole of params.yaml."""

    download: Download = Download()
    weights: Weights = Weights()
    prepare: Prepare = Prepare()
    model: Model = Model()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    visualize: Visualize = Visualize()

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        named = self.weights.backbone in get_args(Model.model_fields["backbone"].annotation)
        if named and self.weights.backbone != self.model.backbone:
            raise ValueError(
                f"{self.weights.source} does not fit model.backbone {self.model.backbone}: set model.backbone to "
                f"{self.weights.backbone}, or weights.source to sources/{NO_WEIGHTS}"
            )
        if self.weights.pretrained and (misfit := self.model.misfit(named and self.weights.top)):
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
    return checked(read_yaml(path), Params, path)
