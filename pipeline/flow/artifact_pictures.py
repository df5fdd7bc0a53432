"""Pictures inside Prefect's artifacts: a sheet of the report's scenes, and the training's curves.

Input: folders that the stages wrote. Output: data URLs, which Prefect stores with the run, each of at most MOST_BYTES.
Invariant: pictures are read as any picture of unknown origin.
"""

import base64
import io
from pathlib import Path
from typing import Any

from sceneparse.scores.curves import metric_file
from sceneparse.scores.results import read_table, results_of

SCENES, WIDTH = 6, 200  # most rows of the sheet; width of each picture in pixels, its height is at most twice that
COLUMNS = ("image", "truth", "prediction", "overlay")
MOST_BYTES = 400_000  # of a data URL
CURVES = {"loss": ("train", "validation"), "mean_iou": ("validation",), "pixel_accuracy": ("validation",)}


def picture_sheet(folder: Path) -> str | None:
    """Return a JPEG as a data URL: a row of image, truth, prediction and overlay per scene.

    Returns None when the folder has no scene.
    """
    scenes = sorted({path.name.rpartition("-")[0] for path in folder.glob("*-overlay.png")})[:SCENES]
    while scenes:
        sheet = _data_url("jpeg", _sheet(folder, scenes))
        if len(sheet) <= MOST_BYTES or len(scenes) == 1:
            return sheet
        scenes = scenes[:-1]
    return None


def _sheet(folder: Path, scenes: list[str]) -> bytes:
    from PIL import Image

    from sceneparse.dataset.photos import decode

    rows = []
    for scene in scenes:
        row = [decode((folder / f"{scene}-{column}.png").read_bytes()).image for column in COLUMNS]
        height = max(1, min(2 * WIDTH, round(WIDTH * row[0].height / row[0].width)))
        rows.append([picture.resize((WIDTH, height)) for picture in row])
    sheet = Image.new("RGB", (WIDTH * len(COLUMNS), sum(row[0].height for row in rows)))
    top = 0
    for row in rows:
        for column, picture in enumerate(row):
            sheet.paste(picture, (column * WIDTH, top))
        top += row[0].height
    jpeg = io.BytesIO()
    sheet.save(jpeg, "JPEG", quality=80)
    return jpeg.getvalue()


def curves_picture(curves: Path) -> str | None:
    """Return a PNG as a data URL: a chart of each score over the steps. Raises InputError.

    Returns None when the folder has no curves, as after a pull of the model alone.
    """
    if not metric_file(curves, "train", "loss").is_file():
        return None
    import vl_convert

    return _data_url("png", vl_convert.vegalite_to_png(curves_spec(curves), scale=1.25))


def curves_spec(curves: Path) -> dict[str, Any]:
    """Return the charts of CURVES, side by side, as a Vega-Lite specification. Raises InputError."""
    charts = []
    for name, splits in CURVES.items():
        rows = [row for split in splits for row in _points(curves, split, name)]
        encoding = {
            "x": {"field": "step", "type": "quantitative"},
            "y": {"field": "value", "type": "quantitative", "title": None},
            "color": {"field": "split", "type": "nominal", "title": None, "legend": {"orient": "bottom"}},
        }
        mark, size = {"type": "line", "point": True}, {"width": 240, "height": 180}
        title = name.replace("_", " ").replace("iou", "IoU")
        charts.append({"title": title, **size, "data": {"values": rows}, "mark": mark, "encoding": encoding})
    return {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "hconcat": charts}


def _points(curves: Path, split: str, name: str) -> list[dict[str, Any]]:
    file = metric_file(curves, split, name)
    with results_of(file):
        rows = read_table(file, "\t")
        return [{"step": float(row["step"]), "value": float(row[name]), "split": split} for row in rows]


def _data_url(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
