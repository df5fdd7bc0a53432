"""evaluate: model and validation split -> scores, tables of classes, images and scene categories, confusion matrix.

There are two sections of scores: `original` compares a prediction at the picture's own size with the
untouched annotation (the benchmark's protocol); `resized` compares at the records' size, as training
does. The tables hold `original`.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sceneparse.core.errors import InputError
from sceneparse.core.files import write_json
from sceneparse.core.locks import output_lock
from sceneparse.core.parallel import THREADS, in_order
from sceneparse.core.progress import progress
from sceneparse.core.tensorflow_loading import load_tensorflow
from sceneparse.dataset.archive import Archive, Pair
from sceneparse.dataset.labels import to_labels
from sceneparse.dataset.pairs import open_pair
from sceneparse.dataset.picture_formats import TooLargeError
from sceneparse.inference.loading import load_parser
from sceneparse.inference.views import too_large
from sceneparse.params.evaluate import Evaluate
from sceneparse.params.flags import run_stage
from sceneparse.records.manifest import Manifest, open_records
from sceneparse.scores.metrics import Confusion, confusion_matrix, scores, write_table, write_tables

if TYPE_CHECKING:
    import pandas as pd

    from sceneparse.inference.parser import SceneParser
    from sceneparse.inference.views import Views


class Sections(Protocol):
    """Sections of the params that this stage reads."""

    evaluate: Evaluate


def evaluate(
    params: Sections,
    model: Path,
    card: Path,
    dataset: Path,
    records: Path,
    scores_json: Path,
    per_class: Path,
    per_image: Path,
    per_category: Path,
    confusion: Path,
) -> None:
    """Score the model and write the five files."""
    with output_lock(scores_json):  # it stands for all five, which belong together
        manifest = open_records(records)
        load_tensorflow()
        from sceneparse.inference.views import Views

        parser = load_parser(model, card)
        with Archive(dataset) as archive:
            if not parser.classes == manifest.classes == archive.classes:
                raise InputError(
                    "model, records and dataset do not have the same classes",
                    expected=", ".join(archive.classes),
                    got=f"model: {', '.join(parser.classes)}; records: {', '.join(manifest.classes)}",
                    file=model,
                    next_step="rebuild what is stale: dvc repro",
                )
            views = Views(tuple(params.evaluate.scales), params.evaluate.flip)
            original, images, categories = score_originals(parser, archive, views)
        resized = score_records(parser, records, manifest, params.evaluate.batch_size, views)

        write_json(scores_json, {"original": scores(original), "resized": scores(resized)})
        write_tables(original, archive.classes, per_class, confusion)
        write_table(per_image, images)
        write_table(per_category, categories)


def score_originals(
    parser: "SceneParser", archive: Archive, views: "Views"
) -> "tuple[Confusion, pd.DataFrame, pd.DataFrame]":
    """Score the validation split at original size.

    Returns the confusion matrix, a row for each image, and a row for each scene category that the archive names, with
    the scores of all pixels of its images.
    """
    import pandas as pd

    classes, scenes = len(archive.classes), archive.scenes()
    total, images = np.zeros((classes, classes + 1), np.int64), []
    matrices, counts = dict[str, Confusion](), Counter[str]()  # of the categories
    pairs = archive.pairs("validation")

    def measure(pair: Pair) -> Confusion:
        image, annotation = open_pair(archive, pair)
        try:
            prediction = parser.annotate(np.asarray(image), views)
        except TooLargeError as error:
            raise too_large(error, pair.image) from None
        return confusion_matrix(to_labels(np.asarray(annotation)), to_labels(prediction), classes)

    with ThreadPoolExecutor(THREADS) as pool:
        measured = in_order(pool, measure, pairs, ahead=THREADS)
        bar = progress(measured, total=len(pairs), unit="image", desc="evaluate, original size")
        for pair, matrix in zip(pairs, bar, strict=True):
            images.append((pair.id, *_scores(matrix)))
            if pair.id in scenes:
                category = scenes[pair.id]
                matrices[category] = matrices.get(category, 0) + matrix
                counts[category] += 1
            total += matrix
    categories = [(name, counts[name], matrix.sum(), *_scores(matrix)) for name, matrix in sorted(matrices.items())]
    columns = ["pixel_accuracy", "mean_iou"]
    return (
        total,
        pd.DataFrame(images, columns=["id", *columns]),
        pd.DataFrame(categories, columns=["category", "images", "labelled_pixels", *columns]),
    )


def score_records(
    parser: "SceneParser", records: Path, manifest: Manifest, batch_size: int, views: "Views"
) -> Confusion:
    """Return the confusion matrix over the validation records."""
    from sceneparse.records.batches import validation_batches

    classes = len(manifest.classes)
    total = np.zeros((classes, classes + 1), np.int64)
    batches = validation_batches(records, manifest, batch_size)
    with progress(total=len(manifest.validation.ids), unit="image", desc="evaluate, records' size") as bar:
        for images, labels in batches:
            total += confusion_matrix(labels.numpy(), to_labels(parser.annotate_fitted(images, views)), classes)
            bar.update(len(images))
    return total


def _scores(matrix: Confusion) -> tuple[float | None, float | None]:
    score = scores(matrix)
    return score["pixel_accuracy"], score["mean_iou"]


def main() -> None:
    """Parse flags and run."""
    run_stage(
        evaluate,
        reads={
            "model": "trained model (.keras)",
            "card": "its card (.json)",
            "dataset": "dataset archive (zip in ADE20K's layout)",
            "records": "directory of TFRecord shards and manifest.json",
        },
        writes={
            "scores_json": "the six scores, sections original and resized (.json)",
            "per_class": "IoU, accuracy and pixels of each class (.csv)",
            "per_image": "pixel accuracy and mIoU of each validation image (.csv)",
            "per_category": "pixel accuracy and mIoU of each scene category, over all its pixels (.csv)",
            "confusion": "pixels by true and predicted class (.csv)",
        },
    )
