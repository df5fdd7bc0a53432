"""visualize: model, validation images and metrics -> a report page, and its pictures as files.

Input: the model with its card, the archive, and the measurements of evaluate and train. Output: a directory with
index.html, which contains all that it shows and opens from disk, and pictures/, with the same pictures as PNGs for
other uses, at the images' own size with visualize.full_size. Invariant: the same inputs give the same bytes, and the
predictions that are drawn are those that evaluate scored at original size.
"""

from pathlib import Path
from typing import Protocol

import numpy as np

from sceneparse.core.errors import InputError
from sceneparse.core.files import atomic_directory, file_digest
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.pairs import open_pair
from sceneparse.inference.loading import load_parser
from sceneparse.inference.views import Views
from sceneparse.params.download import Download
from sceneparse.params.evaluate import Evaluate
from sceneparse.params.flags import run_stage
from sceneparse.params.visualize import Visualize
from sceneparse.report.measured import CategoryRow, ClassRow, Confused, ImageRow, read_charts, read_flow, read_rows
from sceneparse.scores.palette import colour_blind_palette, told_apart
from sceneparse.scores.results import read_scores
from stages.visualize.report import Group, Page, render
from stages.visualize.scene_pictures import Scene, Thumbnail, draw_scene, draw_thumbnail


class Sections(Protocol):
    """Sections of the params that this stage reads."""

    download: Download  # its source names the dataset
    evaluate: Evaluate  # whose views are drawn
    visualize: Visualize


def visualize(
    params: Sections,
    model: Path,
    card: Path,
    dataset: Path,
    scores: Path,
    per_class: Path,
    per_image: Path,
    per_category: Path,
    confusion: Path,
    curves: Path,
    report: Path,
) -> None:
    """Draw the chosen scenes and write the report."""
    settings, views = params.visualize, Views(tuple(params.evaluate.scales), params.evaluate.flip)
    sections, charts, flow = read_scores(scores), read_charts(curves), read_flow(curves)
    classes, images = read_rows(per_class, ClassRow), read_rows(per_image, ImageRow)
    category_rows, cells = read_rows(per_category, CategoryRow), read_rows(confusion, Confused)

    parser = load_parser(model, card)
    with Archive(dataset) as archive, atomic_directory(report) as folder:
        pairs, categories = {pair.id: pair for pair in archive.pairs("validation")}, archive.scenes()
        names = tuple(row.name for row in classes)
        if not parser.classes == archive.classes == names or {row.id for row in images} != pairs.keys():
            raise InputError(
                "model, dataset and metrics do not belong together",
                expected=f"{len(archive.classes)} classes and {len(pairs)} validation images, as in {dataset}",
                got=f"a model of {len(parser.classes)} classes, metrics of {len(names)} classes, {len(images)} images",
                file=per_image,
                next_step="rebuild what is stale: dvc repro",
            )
        standard = settings.palette == "standard"
        colours = told_apart(parser.colours) if standard else colour_blind_palette(len(names))
        (folder / "pictures").mkdir()
        groups = choose(images, settings)
        chosen = {row.id for rows in groups.values() for row in rows}
        scenes, thumbnails = dict[str, Scene](), list[Thumbnail]()
        for row in images:
            if row.id in chosen or settings.all:
                picture, truth = open_pair(archive, pairs[row.id])
                image = np.asarray(picture)
                maps = {"truth": np.asarray(truth), "prediction": parser.annotate(image, views)}
                category = categories.get(row.id, "").replace("_", " ")
                if row.id in chosen:
                    scenes[row.id] = draw_scene(folder, row, category, image, maps, colours, settings)
                if settings.all:
                    thumbnails.append(draw_thumbnail(row, category, image, maps["prediction"], colours, settings))
        page = Page(
            scores=sections,
            images=len(images),
            groups=[Group(title, tuple(scenes[row.id] for row in rows)) for title, rows in groups.items()],
            thumbnails=thumbnails,
            charts=charts,
            flow=flow,
            classes=classes,
            categories=category_rows,
            confusion=cells,
            card=parser.card,
            dataset=archive.root.rstrip("/").rpartition("/")[2] or Path(params.download.source).absolute().stem,
            dataset_digest=file_digest(dataset),
            colours=colours,
            settings=settings,
        )
        (folder / "index.html").write_text(render(page), encoding="utf-8")


def choose(images: list[ImageRow], settings: Visualize) -> dict[str, list[ImageRow]]:
    """Return the images to show, by heading: best and worst by their own mIoU, and some of the rest at random.

    No image comes twice; those without a labelled pixel have no mIoU and are left out. If best and worst together take
    all images, these have one heading.
    """
    scored = [(row.mean_iou, row) for row in images if row.mean_iou is not None]
    rest = [row for _, row in sorted(scored, key=lambda pair: (-pair[0], pair[1].id))]
    if 0 < len(rest) <= settings.best + settings.worst:
        return {"All scored images, best first": rest}
    best, rest = rest[: settings.best], rest[settings.best :]
    worst = rest[::-1][: settings.worst]
    rest = sorted(rest[: len(rest) - len(worst)], key=lambda row: row.id)
    drawn = np.random.default_rng(settings.seed).permutation(len(rest))[: settings.random]
    groups = {"Best": best, "Worst": worst, "Random": [rest[index] for index in sorted(drawn)]}
    return {title: rows for title, rows in groups.items() if rows}


def main() -> None:
    """Parse flags and run."""
    run_stage(
        visualize,
        reads={
            "model": "trained model (.keras)",
            "card": "its card (.json)",
            "dataset": "dataset archive (zip in ADE20K's layout)",
            "scores": "the six scores, sections original and resized (.json)",
            "per_class": "IoU, accuracy and pixels of each class (.csv)",
            "per_image": "pixel accuracy and mIoU of each validation image (.csv)",
            "per_category": "pixel accuracy and mIoU of each scene category (.csv)",
            "confusion": "pixels by true and predicted class (.csv)",
            "curves": "directory of DVCLive metrics and plots",
        },
        writes={"report": "directory of index.html and its pictures as files"},
    )
