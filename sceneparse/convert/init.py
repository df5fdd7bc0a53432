"""init: a dataset in ADE20K's layout -> params.yaml for it.

Input: a zip or a directory, and a preset. Output: params.yaml, whole; on standard output each value that changes, and
the next command. Invariant: nothing is written for a dataset with errors.
"""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sceneparse.convert.check import download_params, print_report
from sceneparse.convert.inspection import Report, inspect
from sceneparse.core.errors import InputError
from sceneparse.core.tables import print_line
from sceneparse.params.presets import preset_params, write_params
from sceneparse.params.whole import Params

# Training pictures of the dataset on which a preset's epochs were chosen: others get as many updates.
TUNED_ON = {"imagenet": 367, "imagenet512": 367, "scratch": 367}
LEAST_EPOCHS, MOST_EPOCHS = 4, 200
# Of a training with more epochs than the preset's, or with as many as were asked for: else first scores come late.
LEAST_VALIDATIONS = 10
ADE20K_CLASSES = 150
SOME_OF_ADE20K = {1: "wall", 2: "building", 3: "sky", 150: "flag"}  # names by number, which no other dataset has
STRIDE = 32  # sides of records are multiples of the network's largest stride


def init(dataset: Path, name: str, params: Path, epochs: int | None = None) -> None:
    """Check a dataset and write params.yaml for it; end the process with status 1 if it has errors.

    epochs: how many; default: as many as give the preset's number of updates.

    Raises InputError if it is in another layout.
    """
    values = preset_params(name)
    report = inspect(dataset, batch_size=1)
    if not report.classes and not any(contents.pairs for contents in report.contents.values()):
        raise InputError(
            "this is no dataset in ADE20K's layout",
            expected="images/training, annotations/training, both for validation too, and objectInfo150.txt",
            got="none of them",
            file=dataset,
            next_step="sceneparse convert makes one of pictures and masks; see docs/own-data.md",
        )
    if not report.usable:
        print_report(report)
        sys.exit(1)
    fitted = fit_params(values, name, report, dataset, epochs)
    write_params(params, name, fitted)
    print_line(_summary(dataset, report, fitted))
    print_line("next: dvc repro   (the training prints after each epoch how long it still takes)")


def fit_params(values: Params, name: str, report: Report, dataset: Path, epochs: int | None = None) -> Params:
    """Return a preset's params for a dataset without errors: its source, and epochs, batch and size that suit it.

    ADE20K's colours are for ADE20K's classes only.
    """
    training, train = report.contents["training"].pairs, values.train
    size = _size([size for contents in report.contents.values() for size in contents.sizes], values.prepare.size)
    batch = min(train.batch_size, training)
    chosen = epochs or train.epochs
    if epochs is None and name in TUNED_ON:
        chosen = min(MOST_EPOCHS, max(LEAST_EPOCHS, round(train.epochs * TUNED_ON[name] / training)))
    validations = train.epochs / train.validate_epochs
    if epochs or chosen > train.epochs:
        validations = max(validations, LEAST_VALIDATIONS)
    crop = train.augment.crop if train.augment.crop and train.augment.crop < size else None
    first = train.augment.first_crop if train.augment.first_crop and train.augment.first_crop < (crop or size) else None
    changes: dict[str, dict[str, Any]] = {
        "download": download_params(dataset),
        "prepare": {"size": size, "colours": values.prepare.colours if _of_ade20k(report.classes) else "dataset"},
        "train": {
            "epochs": chosen,
            "validate_epochs": max(1, round(chosen / validations)),
            "batch_size": batch,
            "micro_batches": train.micro_batches if batch == train.batch_size else 1,
            "augment": train.augment.model_dump() | {"crop": crop, "first_crop": first},
        },
    }
    whole = values.model_dump()
    return Params.model_validate({section: whole[section] | changes.get(section, {}) for section in whole})


def _of_ade20k(classes: Sequence[str]) -> bool:
    """Return whether class names are ADE20K's, in its order, judging by their number and some of them."""
    return len(classes) == ADE20K_CLASSES and all(
        classes[number - 1] == name for number, name in SOME_OF_ADE20K.items()
    )


def _size(sizes: Sequence[tuple[int, int]], most: int) -> int:
    """Return the records' side: the preset's, but not above the longer side of most pictures."""
    longer = statistics.median(max(size) for size in sizes)
    return min(most, STRIDE * max(1, -(-int(longer) // STRIDE)))


def _summary(dataset: Path, report: Report, values: Params) -> str:
    training, validation = (report.contents[split].pairs for split in ("training", "validation"))
    updates = training // values.train.batch_size * values.train.epochs
    return (
        f"{dataset}: {training} training and {validation} validation pictures, {len(report.classes)} classes; "
        f"{values.train.epochs} epochs of {updates // values.train.epochs} updates each"
    )
