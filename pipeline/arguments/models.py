"""Subcommands that put a trained model to use."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.arguments.common import add_command, share
from pipeline.results import MODEL

if TYPE_CHECKING:
    from pipeline.arguments.common import Subparsers


def add_models(commands: "Subparsers") -> None:
    """predict."""
    command = add_command(
        commands,
        "predict",
        "pipeline.predict:predict",
        "label a picture: a PNG of annotation values and an overlay",
        ("street.jpg", "street.jpg --model models/fcn8s.keras --out labelled --opacity 0.4"),
    )
    command.add_argument("picture", type=Path, help="a JPEG, PNG, WebP, TIFF, BMP or GIF of any size")
    command.add_argument("--model", type=Path, default=MODEL, help="default: %(default)s")
    command.add_argument("--card", type=Path, help="default: the one beside the model, else the one inside it")
    command.add_argument("--out", type=Path, default=Path("predictions"), help="folder, default: %(default)s")
    command.add_argument("--opacity", type=share, default=0.6, help="of the overlay's colours, default: %(default)s")
