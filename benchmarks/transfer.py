"""Distance of each layer from ImageNet's weights after a training, and its gradient during it: docs/transfer.md.

    python -m benchmarks.transfer MODEL.keras WEIGHTS.h5 --flow gradient_flow.csv --plot transfer.svg

MODEL: a model that was trained from WEIGHTS, a Keras file of VGG16 or VGG19. For each convolution the table has the
kernel's movement, |after - before| / |before|, and the cosine between both; for each block and the head, the share of
the squared gradient norm at some steps.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vl_convert

from sceneparse.inference.loading import load_parser
from sceneparse.network.imagenet_weights import Weights, read_keras_weights

HEAD = "head"  # of the network: fc6, fc7 and the score layers
SHOWN = (1, 2, 4, 8, 16, 32, 64, 128)  # steps of the shares; the last one is added


def movements(network: Any, before: Weights) -> pd.DataFrame:
    """Return relative movement and cosine of the kernels that both have."""
    rows = {}
    for name in (key.removesuffix("/kernel") for key in before if key.endswith("/kernel")):
        old, new = before[f"{name}/kernel"], np.asarray(network.get_layer(name).kernel)
        if old.shape == new.shape:
            cosine = float((old * new).sum() / np.linalg.norm(old) / np.linalg.norm(new))
            rows[name] = {"moved": float(np.linalg.norm(new - old) / np.linalg.norm(old)), "cosine": cosine}
    return pd.DataFrame.from_dict(rows, orient="index")


def flow_shares(flow: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each block of the backbone, and of the head, in the squared gradient norm, by step."""
    squares = flow.set_index("step") ** 2
    groups = [name.partition("_")[0] if name.startswith("conv") else HEAD for name in squares]
    blocks = squares.T.groupby(groups).sum().T
    shown = [step for step in SHOWN if step in blocks.index] + [blocks.index[-1]]
    return blocks.div(blocks.sum(axis=1), axis=0).loc[shown]


def plot(moved: pd.DataFrame, flow: pd.DataFrame, path: Path) -> None:
    """Draw the gradient norms over the steps, and the movement of each layer, as SVG."""
    layers = [name for name in flow if name != "step"]
    norms = flow.melt("step", layers, "layer", "norm").query("norm > 0")
    order = {"sort": layers, "scale": {"scheme": "viridis"}, "title": None}
    log = {"type": "quantitative", "scale": {"type": "log"}}
    bars = moved.rename_axis("layer").reset_index()
    panels = [
        {
            "title": "norm of each layer's gradient",
            "width": 420,
            "height": 280,
            "data": {"values": norms.to_dict("records")},
            "mark": "line",
            "encoding": {
                "x": {"field": "step", **log},
                "y": {"field": "norm", **log, "title": None},
                "color": {"field": "layer", "type": "nominal", **order},
            },
        },
        {
            "title": "movement of each kernel",
            "width": 260,
            "height": 280,
            "data": {"values": bars.to_dict("records")},
            "mark": "bar",
            "encoding": {
                "y": {"field": "layer", "type": "nominal", "sort": list(bars["layer"]), "title": None},
                "x": {"field": "moved", "type": "quantitative", "axis": {"format": "%"}, "title": None},
            },
        },
    ]
    path.write_text(vl_convert.vegalite_to_svg(json.dumps({"hconcat": panels})))


def main() -> None:
    """Parse flags and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--flow", type=Path, required=True, metavar="CSV", help="metrics/training/gradient_flow.csv")
    parser.add_argument("--plot", type=Path, metavar="SVG")
    flags = parser.parse_args()
    network = load_parser(flags.model).model.network
    moved, flow = movements(network, read_keras_weights(flags.weights).weights), pd.read_csv(flags.flow)
    print(moved.to_string(float_format="{:.3f}".format))
    print(flow_shares(flow).to_string(float_format="{:.1%}".format))
    if flags.plot:
        plot(moved, flow, flags.plot)


if __name__ == "__main__":
    main()
