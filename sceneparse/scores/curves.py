"""Files in the folder of a training's curves: the train stage writes them, the report reads them.

DVCLive writes a TSV per metric, with the columns step and the metric's name; train writes the gradient's flow.
"""

from pathlib import Path


def metric_file(curves: Path, split: str, name: str) -> Path:
    """Return the path of a metric's TSV; `split` is train or validation."""
    return curves / f"plots/metrics/{split}/{name}.tsv"


def flow_file(curves: Path) -> Path:
    """Return the path of the CSV with the columns step and, for each layer, the mean norm of its gradient."""
    return curves / "gradient_flow.csv"
