"""`sceneparse compare --html A B`: two runs side by side, as a page that holds all that it shows.

Input: the results of two runs. Output: curves over each other, scores, classes and params with their differences, and
the scenes of which both have pictures. Invariants: differences are B's value less A's; runs with other classes or
other validation annotations have neither differences nor scenes; the same results give the same bytes.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from pipeline.experiments.revision_results import Results, read_results
from pipeline.repro.project import Project
from sceneparse.core.errors import InputError
from sceneparse.core.files import write_text
from sceneparse.core.tables import print_line
from sceneparse.dataset.picture_formats import open_picture, reading
from sceneparse.report.charts import Chart, Series
from sceneparse.report.measured import ClassRow
from sceneparse.report.pages import render_page
from sceneparse.scores.overlays import data_url, photo_url, save_label_png, shrink
from sceneparse.scores.score_names import SCORES

HERE = Path(__file__).with_name("page")
DEFAULT = Path("state/compare.html")
LONGEST = 512  # pixels of a picture's longer side


@dataclass(frozen=True)
class Both:
    """Value of each run."""

    name: str
    a: float | None
    b: float | None

    @property
    def difference(self) -> float | None:
        """B's value less A's; None unless both have one."""
        return None if self.a is None or self.b is None else self.b - self.a


@dataclass(frozen=True)
class Scene:
    """Scene of which both runs have pictures, as data URLs, and the classes in them."""

    name: str
    pictures: dict[str, str]  # by caption
    legend: list[tuple[str, str]]  # colour and class


def write_comparison(project: Project, names: Sequence[str], output: Path | None) -> None:
    """Write the page and print its path. Raises InputError for unknown runs, and for an output of the pipeline."""
    path = output or project.root / DEFAULT
    if names[0] == names[1]:
        raise InputError(
            "a run is compared with itself",
            expected="two runs",
            got=names[0],
            file=project.root,
            next_step="name another: sceneparse compare --all lists experiments, git log commits",
        )
    if project.makes(path.resolve()):
        raise InputError(
            "the page would be inside an output of the pipeline",
            expected="a file that no stage writes: DVC removes what it does not know",
            got="an output, or a file in one",
            file=path,
            next_step=f"use another --output; the default is {DEFAULT}",
        )
    with TemporaryDirectory() as folder:
        runs = []
        for number, name in enumerate(names):
            (place := Path(folder) / str(number)).mkdir()
            runs.append(read_results(project.root, name, place))
        text = render_comparison(*runs)
    write_text(path, text)
    print_line(str(path))


def render_comparison(a: Results, b: Results) -> str:
    """Return the page's HTML."""
    charts, classes = list(overlaid(a, b)), class_differences(a.classes, b.classes)
    misfit = why_not_comparable(a.classes, b.classes)
    if misfit:
        classes.sort(key=lambda row: row.name)
    return render_page(
        HERE,
        "compare.html.j2",
        title=f"{a.name} and {b.name}",
        styles=("style.css", "compare.css"),
        scripts=("base.js", "tables.js", "charts.js", "zoom.js", "compare.js"),
        data={"names": [], "colours": [], "charts": {f"chart-{n}": chart.spec for n, chart in enumerate(charts)}},
        runs=(a, b),
        misfit=misfit,
        charts=charts,
        scores=[Both(name, a.scores["original"][name], b.scores["original"][name]) for name in SCORES],
        classes=classes,
        widest=max((abs(row.difference) for row in classes if row.difference), default=1.0),
        params=[(key, a.params.get(key), b.params.get(key)) for key in differing(a.params, b.params)],
        scenes=[] if misfit else list(scenes(a, b)),
    )


def overlaid(a: Results, b: Results) -> Iterator[Chart]:
    """Yield a chart for each curve that one of the runs has; a run without it has no points."""
    curves: dict[tuple[str, str], dict[str, Series]] = {}
    for run in (a, b):
        for chart in run.charts:
            for series in chart.series:
                curves.setdefault((chart.title, series.name), {})[run.name] = series
    for (title, split), found in sorted(curves.items(), key=lambda item: [*map(_rank, item[0])]):
        lines = (found.get(run.name, Series(split, ())) for run in (a, b))
        yield Chart(
            f"{title}, {split}",
            tuple(Series(run.name, line.points, line.best) for run, line in zip((a, b), lines, strict=True)),
        )


def _rank(name: str) -> tuple[int, str]:
    order = ("Loss", "Mean IoU", "Pixel accuracy", "Learning rate")
    return (order.index(name) if name in order else 0), name


def why_not_comparable(a: Sequence[ClassRow], b: Sequence[ClassRow]) -> str:
    """Return why scores of these classes do not compare; '' if the runs have the same classes and annotations."""
    first, second = ([row.name for row in rows] for rows in (a, b))
    if sorted(first) != sorted(second):
        return f"the runs have other classes ({len(a)} and {len(b)}, names in common: {len(set(first) & set(second))})"
    if first != second:
        return "the runs have the same classes in another order"
    if differing := sum(one.labelled_pixels != other.labelled_pixels for one, other in zip(a, b, strict=True)):
        return f"the validation images differ ({differing} of {len(a)} classes have other numbers of labelled pixels)"
    return ""


def class_differences(a: Sequence[ClassRow], b: Sequence[ClassRow]) -> list[Both]:
    """Return each class's IoU of both runs, by name, the largest gain first; classes of one run alone at the end."""
    first, second = ({row.name: row.iou for row in rows} for rows in (a, b))
    rows = [Both(name, first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])]
    return sorted(rows, key=lambda row: (row.difference is None, -(row.difference or 0), row.name))


def differing(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """Return the keys whose values differ, or that one of the two lacks."""
    return [key for key in dict.fromkeys([*a, *b]) if key not in a or key not in b or a[key] != b[key]]


def scenes(a: Results, b: Results) -> Iterator[Scene]:
    """Yield the scenes of which both runs have pictures; the image and the truth are A's."""
    names = ["other (not scored)", *(row.name for row in a.classes)]
    for name in sorted(a.pictures.keys() & b.pictures.keys()):
        picture = _read_png(a.pictures[name]["image"]).convert("RGB")
        pictures = {"image": photo_url(shrink(np.asarray(picture), LONGEST))}
        seen: set[int] = set()
        maps = {"truth": a.pictures[name]["truth"], **{run.name: run.pictures[name]["prediction"] for run in (a, b)}}
        for caption, path in maps.items():
            label_map = _read_png(path)
            values = shrink(np.asarray(label_map), LONGEST)
            if caption == "truth":
                colours = np.array(label_map.getpalette(), np.uint8).reshape(-1, 3)
            file = io.BytesIO()
            save_label_png(file, values, colours)
            pictures[caption] = data_url("image/png", file.getvalue())
            seen |= set(np.unique(values).tolist())
        legend = [(f"#{colours[value].tobytes().hex()}", names[value]) for value in sorted(seen) if value < len(names)]
        yield Scene(name, pictures, legend)


def _read_png(path: Path) -> Image.Image:
    """Return a picture of the report. Raises InputError."""
    try:
        with reading():
            picture = open_picture(path.read_bytes(), formats=("PNG",))
            picture.load()
    except ValueError as error:
        raise InputError(
            "a picture of the report cannot be read",
            expected="a PNG that the visualize stage wrote",
            got=str(error),
            file=path,
            next_step="fetch the report again (dvc checkout report), or rerun visualize",
        ) from None
    return picture
