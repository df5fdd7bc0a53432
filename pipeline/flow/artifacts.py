"""Prefect artifacts of a run: scores and their change, classes, pictures, links, lineage.

Input: the project's directory after a run. Output: artifacts of the flow run, under constant keys, so that
Prefect shows each artifact's history.
"""

import base64
import io
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.artifacts import (
    Artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from pipeline.repro.stage_paths import stage_path
from sceneparse.core.errors import printable
from sceneparse.core.files import file_digest
from sceneparse.scores.results import Scores, read_table

SHEET_SCENES, SHEET_WIDTH = 6, 200  # rows of the sheet of pictures; width of each picture in pixels


def published() -> bool:
    """Return whether Prefect has results of an earlier run."""
    return Artifact.get("scores") is not None


def publish_results(root: Path, scores: Scores, before: Scores) -> None:
    """Publish the stages' results; `before` holds the scores of the last good run, or nothing."""
    compared = "Change: since the last good run" if before else "The first good run: nothing to compare with"
    create_table_artifact(score_rows(scores, before), key="scores", description=compared)
    classes = read_table(root / stage_path("--per-class", root))
    create_table_artifact(classes, key="per-class", description="Classes, at original size")
    model, report = stage_path("--model", root), stage_path("--report", root)
    if (root / report / "index.html").is_file():
        _link("report", root, report / "index.html", "The report")
    if sheet := picture_sheet(root / report / "pictures"):
        create_image_artifact(sheet, key="pictures", description="Scenes of the report")
    _link("model", root, model, "The trained model")


def _link(key: str, root: Path, path: Path, description: str) -> None:
    create_link_artifact((root / path).as_uri(), key=key, link_text=str(path), description=description)


def score_rows(scores: Scores, before: Scores) -> list[dict[str, str]]:
    """Return a row per score: its value in each protocol, and the change since the last good run."""
    rows = []
    for name in scores["original"]:
        row = {"score": name}
        for protocol, section in scores.items():
            value, earlier = section[name], before.get(protocol, {}).get(name)
            row[protocol] = "" if value is None else f"{value:.4f}"
            row[f"{protocol}, change"] = "" if value is None or earlier is None else f"{value - earlier:+.4f}"
        rows.append(row)
    return rows


def picture_sheet(folder: Path) -> str | None:
    """Return a JPEG as a data URL: a row of image, truth, prediction and overlay per scene.

    Returns None when the folder has no scene.
    """
    from PIL import Image

    from sceneparse.dataset.photos import decode

    columns = ("image", "truth", "prediction", "overlay")
    scenes = sorted({path.name.rpartition("-")[0] for path in folder.glob("*-overlay.png")})[:SHEET_SCENES]
    rows = []
    for scene in scenes:
        row = [decode((folder / f"{scene}-{column}.png").read_bytes()).image for column in columns]
        height = max(1, round(SHEET_WIDTH * row[0].height / row[0].width))
        rows.append([picture.resize((SHEET_WIDTH, height)) for picture in row])
    if not rows:
        return None
    sheet = Image.new("RGB", (SHEET_WIDTH * len(columns), sum(row[0].height for row in rows)))
    top = 0
    for row in rows:
        for column, picture in enumerate(row):
            sheet.paste(picture, (column * SHEET_WIDTH, top))
        top += row[0].height
    jpeg = io.BytesIO()
    sheet.save(jpeg, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()


@contextmanager
def publish_lineage(root: Path) -> Iterator[None]:
    """Publish the run's lineage when the block ends, with or without an error."""
    try:
        yield
    finally:
        create_markdown_artifact(lineage(root), key="lineage", description="What this run was made from")


def lineage(root: Path) -> str:
    """Return Markdown: the Git commit, the files that differ from it, the digest of dvc.lock, and the params."""
    lock = root / "dvc.lock"
    changed = [name for name in _git(root, "diff", "--name-only", "--relative", "-z", "HEAD").split("\0") if name]
    rows = {
        "commit": _git(root, "rev-parse", "HEAD") or "none",
        "workspace": f"dirty: {', '.join(changed)}" if changed else "clean",
        "dvc.lock": file_digest(lock) if lock.is_file() else "none",
    }
    table = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows.items())
    params = (root / "params.yaml").read_text()
    fence = "`" * (1 + max([2, *map(len, re.findall("`+", params))]))  # longer than any fence inside the params
    return f"| what | which |\n|---|---|\n{table}\n\n{fence}yaml\n{params.rstrip()}\n{fence}\n"


def _cell(text: str) -> str:
    """Return text for a cell of a Markdown table, with markup, HTML and bars escaped."""
    return re.sub(r"([\\`*_\[\]<>|~&])", r"\\\1", printable(text))


def _git(root: Path, *arguments: str) -> str:
    """Return Git's output, or '' without Git or a repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)  # noqa: S607 - the user's Git
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
