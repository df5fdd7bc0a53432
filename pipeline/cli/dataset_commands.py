"""Subcommands about datasets: scored, checked, brought into ADE20K's layout."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cli.arguments import add_command, natural, number

if TYPE_CHECKING:
    from pipeline.cli.arguments import Subparsers


def add_data(commands: "Subparsers") -> None:
    """score, check, convert."""
    command = add_command(
        commands,
        "score",
        "pipeline.cli.scores:score",
        "score a folder of predicted PNGs against a folder of annotations",
        ("annotations/ predictions/ --classes objectInfo150.txt",),
        "Pairs are found by name. The predictions may come from any system.",
    )
    command.add_argument("annotations", type=Path, help="folder of PNGs: 0 = other, left out; 1..N = classes")
    command.add_argument("predictions", type=Path, help="folder of PNGs with the same names and sizes")
    command.add_argument("--classes", type=Path, required=True, help="class table like ADE20K's objectInfo150.txt")
    command.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of tables")

    command = add_command(
        commands,
        "check",
        "sceneparse.convert.check:check",
        "say everything that is wrong with a dataset in ADE20K's layout, and how to mend it",
        ("dataset.zip", "my-scenes/ --json"),
        "What has no errors, which end it with status 1, the stages take. docs/own-data.md has all that it looks for.",
    )
    command.add_argument("dataset", type=Path, help="a zip or a directory")
    command.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of text")
    _add_batch_size(command)

    command = add_command(
        commands,
        "convert",
        "sceneparse.convert.convert:convert",
        "bring pictures with masks, or with shapes of an annotation tool, into ADE20K's layout, as a zip",
        (
            "pictures/ annotations/instances.json --share 0.2 --out dataset.zip",
            "pictures/ masks/ --classes classes.csv --share 0.2 --out dataset.zip",
            "street-scenes/ --classes classes.csv --folders --out dataset.zip",
            "JPEGImages/ SegmentationClass/ --classes voc.csv --lists train.txt val.txt --out voc.zip",
            "leftImg8bit/ gtFine/ --image-suffix _leftImg8bit --mask-suffix _gtFine_labelIds --classes cityscapes.csv "
            "--folders train val --out cityscapes.zip",
        ),
        "Masks hold values or colours, which the class table names; see docs/own-data.md. One folder may hold both, in "
        "folders such as train/images and train/masks, or with --mask-suffix. Shapes come from COCO, labelme, CVAT and "
        "Label Studio; see docs/annotation-tools.md.",
    )
    command.add_argument("images", type=Path, help="folder of pictures, searched with all below it")
    command.add_argument(
        "masks",
        type=Path,
        nargs="?",
        metavar="annotations",
        help="folder of masks (PNG, BMP, TIFF or GIF of the same names and sizes), or what an annotation tool exports; "
        "default: IMAGES, which holds both",
    )
    command.add_argument(
        "--classes",
        type=Path,
        metavar="TABLE",
        help="CSV or JSON: name and value, name and colour, or name and label; for shapes, whose files name the "
        "classes, only to choose and to order them",
    )
    command.add_argument("--out", type=Path, required=True, metavar="ZIP", help="what is written")
    command.add_argument(
        "--image-suffix", default="", metavar="TEXT", help="end of pictures' names, as in NAME_leftImg8bit.png"
    )
    command.add_argument("--mask-suffix", default="", metavar="TEXT", help="end of masks' names, as in NAME_labels.png")
    command.add_argument(
        "--masks-by", choices=("value", "colour"), dest="by", help="where the class table has both, what masks hold"
    )
    command.add_argument(
        "--ignore", nargs="+", metavar="CODE", help="values or colours (#rrggbb) that become 0; default: the value 255"
    )
    command.add_argument(
        "--background", metavar="NAME", help="of shapes: the class of what none covers; default: none, it becomes 0"
    )
    command.add_argument(
        "--unknown",
        choices=("refuse", "ignore"),
        default="refuse",
        help="codes and labels that the table lacks: refuse, or make them 0; default: %(default)s",
    )
    command.add_argument(
        "--tolerance",
        type=natural,
        metavar="N",
        help="codes that the table lacks become its nearest one, if no channel differs by more than N: for JPEG masks "
        "and smoothed edges; default: none does",
    )
    command.add_argument(
        "--unpaired", choices=("refuse", "skip"), default="refuse", help="files without partner; default: %(default)s"
    )
    splits = command.add_mutually_exclusive_group(required=True)
    splits.add_argument(
        "--lists",
        nargs=2,
        type=Path,
        metavar=("TRAINING", "VALIDATION"),
        help="text files, a name a line, or COCO's JSON of each split",
    )
    splits.add_argument("--share", type=_part, metavar="X", help="of pictures for validation, of each class alike")
    splits.add_argument(
        "--folders",
        nargs="*",
        action=_NoneOrTwo,
        metavar="NAME",
        help="the two splits' folders below IMAGES; default: train, val",
    )
    command.add_argument("--seed", type=int, default=0, help="of --share; default: %(default)s")
    _add_batch_size(command)


def _add_batch_size(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--batch-size",
        type=natural,
        default=4,
        metavar="N",
        help="warn when training has fewer pairs; default: %(default)s",
    )


def _part(text: str) -> float:
    """A share that leaves something."""
    value = number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected more than 0 and less than 1, as both splits need pairs, got {text}")
    return value


class _NoneOrTwo(argparse.Action):
    """Values of a flag that takes none or two of them."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if values and len(values) != 2:
            raise argparse.ArgumentError(self, f"expected no names or two, got {len(values)}: {' '.join(values)}")
        setattr(namespace, self.dest, values)
