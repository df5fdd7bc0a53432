"""Report page: plain data in, HTML out.

Input: a `Page` of scores, scenes, curves, classes and the model's card. Output: the text of index.html, from the
templates and scripts in page/ beside this file and in sceneparse/report/page/, with the charts' library inside.
Invariant: the text is a function of the page alone, without dates, commits or paths of this machine, and loads nothing
from the network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneparse.network.card import Card
from sceneparse.params.visualize import Visualize
from sceneparse.report.charts import Chart
from sceneparse.report.gradient_flow import GradientFlow
from sceneparse.report.measured import CategoryRow, ClassRow, Confused
from sceneparse.report.pages import render_page
from sceneparse.scores.palette import Colours
from sceneparse.scores.results import Scores
from sceneparse.scores.score_names import SCORES
from stages.visualize.confusions import heat_map, most_confused
from stages.visualize.scene_pictures import Scene, Thumbnail
from stages.visualize.sentences import compared, first_weights, shaky

HERE = Path(__file__).with_name("page")
TILES = ("pixel_accuracy", "mean_accuracy", "mean_iou", "benchmark_score")
PAIRS = 12  # rows of the table of confused pairs
# In one module, in this order.
SCRIPTS = ("base.js", "tables.js", "charts.js", "zoom.js", "scenes.js", "gallery.js", "scene_zoom.js")
MODES = tuple((name, name.capitalize(), "") for name in ("image", "truth", "prediction", "errors"))
OTHER = "other (not scored)"


@dataclass(frozen=True)
class Group:
    """Scenes under a heading."""

    title: str
    scenes: tuple[Scene, ...]


@dataclass(frozen=True)
class Page:
    """Content of the report."""

    scores: Scores
    images: int  # in the validation split
    groups: Sequence[Group]
    thumbnails: Sequence[Thumbnail]  # of the whole split, where the settings ask for all
    charts: Sequence[Chart]
    flow: GradientFlow | None
    classes: Sequence[ClassRow]  # in order of their values
    categories: Sequence[CategoryRow]
    confusion: Sequence[Confused]
    card: Card
    dataset: str  # the folder in the archive, or the name of its source
    dataset_digest: str
    colours: Colours
    settings: Visualize

    @property
    def decides_for_iou(self) -> bool:
        """Whether the model adds constants for the mean IoU, which the curves and the card's own scores leave out."""
        return self.card.params.train.get("decision") == "iou"

    @property
    def effect_of_constants(self) -> str:
        """Clauses that compare the scores at the size of training with and without these constants."""
        before, after = self.card.best.validation, self.scores["resized"]
        return "; ".join(
            (
                compared("mean IoU", before.mean_iou, after["mean_iou"]),
                compared("pixel accuracy", before.pixel_accuracy, after["pixel_accuracy"]),
            )
        )

    @property
    def names(self) -> list[str]:
        """Class names, indexed by annotation value."""
        return [OTHER, *(row.name for row in self.classes)]

    @property
    def css_colours(self) -> list[str]:
        """CSS colours, indexed by annotation value."""
        return [f"#{colour.tobytes().hex()}" for colour in self.colours]


def render(page: Page) -> str:
    """Return the page's HTML."""
    scenes = [scene for group in page.groups for scene in group.scenes]
    specs: dict[str, Any] = {f"chart-{number}": chart.spec for number, chart in enumerate(page.charts)}
    if page.flow:
        specs["flow"] = page.flow.spec
    if heat := heat_map(page.confusion, page.names, page.settings.confused):
        specs["heat"] = heat
    return render_page(
        HERE,
        "page.html.j2",
        title="Scene parsing report",
        scripts=SCRIPTS,
        data={"names": page.names, "colours": page.css_colours, "charts": specs},
        page=page,
        meanings=SCORES,
        tiles=TILES,
        modes=MODES,
        facts=facts(page),
        shaky=shaky(page.images),
        first_weights=first_weights(page.card),
        shown_classes=sorted({value for scene in scenes for value in scene.legend}),
        shown_categories=sorted({scene.category for scene in scenes} - {""}),
        # Highest score first; rows without a score at the end.
        ranked=sorted(page.classes, key=lambda row: (row.iou is None, -(row.iou or 0), row.class_id)),
        categories=sorted(page.categories, key=lambda row: (row.mean_iou is None, -(row.mean_iou or 0), row.category)),
        thumbnails=sorted(page.thumbnails, key=lambda row: (row.mean_iou is None, row.mean_iou or 0, row.id)),
        pairs=most_confused(page.confusion)[:PAIRS],
    )


def facts(page: Page) -> list[tuple[str, str, str]]:
    """Return rows of the page's head: name, value, and the whole value where that is shortened."""
    model, best, size = page.card.params.model, page.card.best, page.card.preprocessing.size
    network = [f"FCN-{model['stride']}s" if "stride" in model else "FCN", model.get("backbone")]
    width = f"width {model['width']:g}" if "width" in model else None
    last = max((step for chart in page.charts for step in chart.steps), default=best.step)
    kind, _, digest = page.dataset_digest.partition(":")
    return [
        ("Dataset", page.dataset, ""),
        ("Digest", f"{kind}:{digest[:12]}", page.dataset_digest),
        ("Records", f"{size} × {size}, {page.card.preprocessing.mode}", ""),
        ("Network", ", ".join(str(part) for part in (*network, width) if part), ""),
        ("Steps", f"{best.step} of {last:g}", ""),
    ]
