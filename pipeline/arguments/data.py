"""Subcommands about datasets: scored, checked, brought into ADE20K's layout."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.arguments.common import add_command

if TYPE_CHECKING:
    from pipeline.arguments.common import Subparsers


def add_data(commands: "Subparsers") -> None:
    """score."""
    command = add_command(
        commands,
        "score",
        "pipeline.scores:score",
        "score a folder of predicted PNGs against a folder of annotations",
        ("annotations/ predictions/ --classes objectInfo150.txt",),
        "Pairs are found by name. The predictions may come from any system.",
    )
    command.add_argument("annotations", type=Path, help="folder of PNGs: 0 = other, left out; 1..N = classes")
    command.add_argument("predictions", type=Path, help="folder of PNGs with the same names and sizes")
    command.add_argument("--classes", type=Path, required=True, help="class table like ADE20K's objectInfo150.txt")
    command.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of tables")
