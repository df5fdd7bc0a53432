"""HTML pages that hold all that they show: style, scripts and the charts' library are inside.

Input: a template with its values. Output: the page's text. Templates find head.html.j2 and foot.html.j2, which go
around the body, in page/ beside this file. Invariant: the text is a function of the values alone, and loads nothing
from the network.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sceneparse.core.fields import leaves, shown
from sceneparse.report.vega import NOTICE, conditions, library

SHARED = Path(__file__).with_name("page")


def render_page(
    folder: Path,
    template: str,
    *,
    title: str,
    scripts: Sequence[str],
    data: Mapping[str, Any],
    styles: Sequence[str] = ("style.css",),
    **values: Any,
) -> str:
    """Return the HTML of a template in `folder`. Styles and scripts are there or in the shared folder.

    The scripts are one module, in their order. data: names, colours and charts, for the scripts.
    """
    environment = Environment(
        loader=FileSystemLoader([folder, SHARED]),
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
        "leaves": leaves,
        "shown": shown,
    }

    def text(names: Sequence[str]) -> str:
        paths = (folder / name if (folder / name).is_file() else SHARED / name for name in names)
        return "\n".join(path.read_text(encoding="utf-8") for path in paths)

    return environment.get_template(template).render(
        title=title,
        style=text(styles),
        script=text(scripts),
        library=library(),
        notice=NOTICE,
        conditions=conditions().split("\n\n"),
        data=data,
        **values,
    )


def percent(value: float | None) -> str:
    """Return a share as text."""
    return "–" if value is None else f"{100 * value:.1f}%"


def words(key: str) -> str:
    """Return a score's key as a heading: mean_iou -> Mean IoU."""
    text = key.replace("_", " ").replace("iou", "IoU")
    return text[0].upper() + text[1:]
