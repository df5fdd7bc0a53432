"""The report page: plain data in, HTML out.

Input: a `Page` of scores, scenes, curves and classes. Output: the text of index.html, from
report.html.j2 beside this file. Invariant: the text is a function of the page alone: no date, commit
or path of this machine is in it, and it asks nothing of the network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stages.score.charts import Chart
from stages.score.gradient_flow import GradientFlow
from stages.score.measured import ClassRow, Scores
from stages.score.metrics import SCORES
from stages.score.palette import Colours

TEMPLATE = Path(__file__).with_name("report.html.j2")


@dataclass(frozen=True)
class Picture:
    """A PNG beside the page. `file` is relative to it."""

    caption: str
    file: str
    pixelated: bool  # a class map, whose edges stay hard when enlarged


@dataclass(frozen=True)
class Scene:
    """A validation image: its pictures, its scores and the annotation values seen in them."""

    id: str
    category: str
    pixel_accuracy: float | None
    mean_iou: float | None
    pictures: tuple[Picture, ...]
    width: int
    height: int
    legend: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """Scenes under a heading."""

    title: str
    scenes: tuple[Scene, ...]


@dataclass(frozen=True)
class Page:
    """All that the report shows."""

    scores: Mapping[str, Scores]  # original and resized
    images: int  # in the validation split
    groups: Sequence[Group]
    charts: Sequence[Chart]
    flow: GradientFlow | None
    classes: Sequence[ClassRow]  # in order of their values
    colours: Colours


def render(page: Page) -> str:
    """The page's HTML."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": percent,
        "figure": "{:.4g}".format,
        "words": words,
        "css_colour": lambda value: f"#{page.colours[value].tobytes().hex()}",
    }
    # By IoU, highest first; classes without one at the end.
    ranked = sorted(page.classes, key=lambda row: (row.iou is None, -(row.iou or 0), row.value))
    names = ["other (not scored)", *(row.name for row in page.classes)]
    return environment.get_template(TEMPLATE.name).render(page=page, meanings=SCORES, ranked=ranked, names=names)


def percent(value: float | None) -> str:
    """A share as text."""
    return "–" if value is None else f"{100 * value:.1f}%"


def words(key: str) -> str:
    """A score's key as a heading: mean_iou -> Mean IoU."""
    text = key.replace("_", " ").replace("iou", "IoU")
    return text[0].upper() + text[1:]
