"""Cost of each stage against the size of the dataset: seconds, peak memory and bytes written, up to ADE20K's size.

The dataset has ADE20K's layout, its 150 classes and 22,210 pairs of 683 x 512, drawn; a share of it is drawn for each
row of the table. The stages run as dvc.yaml's commands in a fresh clone, one after the other, with the params of
`presets/ade20k.yaml` but for an eighth of the width, random weights and one epoch. Memory is the peak of all processes
of a stage together, pages in common counted once (PSS, Linux only).

    python -m benchmarks.scale --out scale.csv --shares 0.0625 0.25 1 --plot scale.svg

Rows that the file has are kept, so an interrupted run continues with the next share. The exponent says how cost grows
with the data: 1 is in proportion, 0 not at all.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import vl_convert
from ruamel.yaml import YAML

from benchmarks.clones import make_clone
from benchmarks.prepare import DISTINCT, draw_pair, write_archive
from pipeline.repro.dvc_commands import stage_environment
from sceneparse.core.parallel import usable_cpus
from sceneparse.params.presets import preset_params

PAIRS = 22_210  # of ADE20K's scene-parsing data
QUALITY = 70  # of the JPEGs: as heavy as ADE20K's
CHANGES = {
    "weights": {"source": "sources/none.yaml"},
    "model": {"width": 0.125, "head_channels": 512},
    "train": {"epochs": 1, "precision": "float32"},
}
MEASURES = {"seconds": "seconds", "peak_mb": "peak memory, MB", "out_mb": "written, MB"}
POLL_S = 0.2  # between two looks at the memory


def write_params(path: Path, dataset: Path, size: int, width: float) -> None:
    """Write the params file of a row."""
    params = preset_params("ade20k").model_dump()
    for section, changes in CHANGES.items():
        params[section] |= changes
    params["model"]["width"] = width
    params["prepare"]["size"] = size
    params["download"]["source"] = str(dataset)
    YAML().dump(params, path)


def run_stage(command: str, clone: Path) -> tuple[float, float]:
    """Return the seconds of a stage's command, and the peak memory of all its processes in MB."""
    start, peak = time.perf_counter(), 0.0
    with (clone.parent / "stage.log").open("w+") as log:
        process = subprocess.Popen(["sh", "-c", command], cwd=clone, env=stage_environment(), stderr=log)
        while process.poll() is None:
            peak = max(peak, memory_mb(process.pid))
            time.sleep(POLL_S)
        if process.returncode:
            log.seek(0)
            sys.exit(f"{command} failed:\n{log.read()}")
    return time.perf_counter() - start, peak


def memory_mb(pid: int) -> float:
    """Return the memory of a process and of all below it."""
    total = 0
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            total += each.memory_full_info().pss
    except psutil.Error:  # a process has just ended
        pass
    return total / 1e6


def written_mb(outs: list[str], clone: Path) -> float:
    """Return the size of a stage's outputs."""
    files = (path for out in outs for path in [clone / out, *(clone / out).rglob("*")] if path.is_file())
    return sum(path.stat().st_size for path in files) / 1e6


def measure(share: float, size: int, width: float, scratch: Path) -> list[dict[str, object]]:
    """Return a row for each stage."""
    pairs, generator = round(PAIRS * share), np.random.default_rng(0)
    dataset = scratch / "drawn.zip"
    write_archive(dataset, pairs, [draw_pair(generator, QUALITY) for _ in range(DISTINCT)])
    clone = make_clone(scratch, small=False)
    write_params(clone / "params.yaml", dataset, size, width)
    rows: list[dict[str, object]] = []
    for name, stage in YAML(typ="safe").load(clone / "dvc.yaml")["stages"].items():
        seconds, peak = run_stage(stage["cmd"], clone)
        outs = [out if isinstance(out, str) else next(iter(out)) for out in stage["outs"]]
        rows.append(
            {
                "share": share,
                "pairs": pairs,
                "stage": name,
                "seconds": round(seconds, 1),
                "peak_mb": round(peak),
                "out_mb": round(written_mb(outs, clone), 3),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def exponents(table: pd.DataFrame) -> pd.DataFrame:
    """Return how each measure of each stage grows between the two largest shares, as a power of the data's size."""
    *_, before, last = sorted(table["share"].unique())
    some, all_ = (table[table["share"] == share].set_index("stage")[list(MEASURES)] for share in (before, last))
    return (np.log(all_ / some) / math.log(last / before)).round(2)


def plot(table: pd.DataFrame, path: Path) -> None:
    """Draw each measure against the number of pairs, on logarithmic axes, as SVG."""
    axis = {"type": "quantitative", "scale": {"type": "log", "nice": False, "padding": 10}}
    panels = [
        {
            "width": 250,
            "height": 220,
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": {
                    "field": "pairs",
                    **axis,
                    "axis": {"values": sorted(table["pairs"].unique().tolist()), "format": ","},
                },
                "y": {"field": measure, "title": title, **axis, "axis": {"tickCount": 5}},
                "color": {"field": "stage", "type": "nominal", "sort": table["stage"].unique().tolist(), "title": None},
            },
        }
        for measure, title in MEASURES.items()
    ]
    shown = table[(table[list(MEASURES)] > 0).all(axis=1)].to_dict("records")
    path.write_text(vl_convert.vegalite_to_svg(json.dumps({"data": {"values": shown}, "hconcat": panels})))


def main() -> None:
    """Parse flags, measure what the table lacks, and print it with the exponents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="CSV", help="table, extended row by row")
    parser.add_argument("--shares", type=float, nargs="+", default=[1 / 16, 1 / 4, 1], help="(default: 1/16 1/4 1)")
    parser.add_argument("--plot", type=Path, metavar="SVG")
    parser.add_argument("--size", type=int, default=256, help="of the records (default: 256)")
    parser.add_argument("--width", type=float, default=0.125, help="of the network (default: 0.125)")
    flags = parser.parse_args()
    table = pd.read_csv(flags.out) if flags.out.exists() else None
    for share in flags.shares:
        if table is None or share not in table["share"].to_numpy():
            with tempfile.TemporaryDirectory() as scratch:
                rows = pd.DataFrame(measure(share, flags.size, flags.width, Path(scratch)))
            table = rows if table is None else pd.concat([table, rows])
            table.to_csv(flags.out, index=False)
    print(f"{time.strftime('%Y-%m-%d')}, {usable_cpus()} cores\n{table.to_string(index=False)}")
    if table["share"].nunique() > 1:
        print(f"exponents between the two largest:\n{exponents(table).to_string()}")
    if flags.plot:
        plot(table, flags.plot)


if __name__ == "__main__":
    main()
