"""Subcommands that make a dataset, check it, and begin with one."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cli.arguments import add_command, natural, number, whole_number

if TYPE_CHECKING:
    from pipeline.cli.arguments import Subparsers

part = number("more than 0 and less than 1, because both splits need pairs", lambda value: 0 < value < 1)
epochs = whole_number("a whole number from 1 to a million", 1, 1_000_000)


def add_data(commands: "Subparsers") -> None:
    """Declare convert, check and init."""
    _add_convert(commands)
    _add_check(commands)
    _add_init(commands)


def _add_convert(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "convert",
        "sceneparse.convert.convert:convert",
        "convert pictures with masks, or with shapes from an annotation tool, to a zip in ADE20K's layout",
        (
            "pictures/ annotations/instances.json --share 0.2 --out dataset.zip",
            "pictures/ masks/ --classes classes.csv --share 0.2 --out dataset.zip",
            "street-scenes/ --classes classes.csv --folders --out dataset.zip",
            "JPEGImages/ SegmentationClass/ --classes voc.csv --lists train.txt val.txt --out voc.zip",
            "leftImg8bit/ gtFine/ --image-suffix _leftImg8bit --mask-suffix _gtFine_labelIds --classes cityscapes.csv "
            "--folders train val --out cityscapes.zip",
        ),
        "Masks hold values or colours, and the class table names them; see docs/own-data.md. One folder may hold "
        "pictures and masks, in folders such as train/images and train/masks, or told apart by --mask-suffix. Shapes "
        "come from COCO, labelme, CVAT and Label Studio; see docs/annotation-tools.md.",
    )
    command.add_argument("images", type=Path, help="folder of pictures, searched with all folders below it")
    command.add_argument(
        "masks",
        type=Path,
        nargs="?",
        metavar="annotations",
        help="folder of masks (PNG, BMP, TIFF or GIF of the same names and sizes), or an annotation tool's export; "
        "default: IMAGES",
    )
    command.add_argument(
        "--classes",
        type=Path,
        metavar="TABLE",
        help="CSV or JSON: name and value, name and colour, or name and label; not needed for shapes, whose files name "
        "the classes, but to choose and to order them",
    )
    command.add_argument("--out", type=Path, required=True, metavar="ZIP", help="the zip to write")
    command.add_argument(
        "--image-suffix",
        default="",
        metavar="TEXT",
        help="end of pictures' names: _leftImg8bit in NAME_leftImg8bit.png",
    )
    command.add_argument(
        "--mask-suffix", default="", metavar="TEXT", help="end of masks' names: _labels in NAME_labels.png"
    )
    command.add_argument(
        "--masks-by", choices=("value", "colour"), dest="by", help="content of the masks, if the class table has both"
    )
    command.add_argument(
        "--ignore",
        nargs="+",
        metavar="CLASS",
        help="classes of the table, values, or colours (#rrggbb) that become 0, other, and leave the table; default: "
        "the value 255",
    )
    command.add_argument(
        "--background", metavar="NAME", help="class of pixels that no shape covers; default: none, they become 0"
    )
    command.add_argument(
        "--unknown",
        choices=("refuse", "ignore"),
        default="refuse",
        help="values, colours and labels that the table lacks: refuse them, or make them 0; default: %(default)s",
    )
    command.add_argument(
        "--tolerance",
        type=natural,
        metavar="N",
        help="replace a value or colour that the table lacks by its nearest one, if no channel differs by more than N: "
        "for JPEG masks and smoothed edges; default: replace none",
    )
    command.add_argument(
        "--unpaired",
        choices=("refuse", "skip"),
        default="refuse",
        help="refuse or skip files without a partner; default: %(default)s",
    )
    splits = command.add_mutually_exclusive_group(required=True)
    splits.add_argument(
        "--lists",
        nargs=2,
        type=Path,
        metavar=("TRAINING", "VALIDATION"),
        help="the two splits as text files, a name per line, or as COCO's JSON files",
    )
    splits.add_argument(
        "--share", type=part, metavar="X", help="share of pictures for validation, about the same of each class"
    )
    splits.add_argument(
        "--folders",
        nargs="*",
        action=_NoneOrTwo,
        metavar="NAME",
        help="the two splits as folders below IMAGES; default: train, val",
    )
    command.add_argument("--seed", type=int, default=0, help="seed of --share; default: %(default)s")
    _add_batch_size(command)


def _add_check(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "check",
        "sceneparse.convert.check:check",
        "list all errors of a dataset in ADE20K's layout, and how to fix them",
        ("dataset.zip", "my-scenes/ --json"),
        "Exits with 1 on errors; otherwise the stages accept the dataset. docs/datasets.md lists all checks.",
    )
    command.add_argument("dataset", type=Path, help="a zip or a directory")
    command.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of text")
    _add_batch_size(command)


def _add_init(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "init",
        "sceneparse.convert.init:init",
        "write params.yaml for a dataset in ADE20K's layout, after checking it",
        ("scenes.zip", "scenes.zip --preset scratch", "scenes.zip --epochs 40"),
        "Takes the values of a preset, the path and digest of the dataset, more epochs the fewer pictures it has, and\n"
        "records no larger than its pictures. Prints each value that changes. If the dataset has errors, it lists\n"
        "them, writes nothing and exits with 1.",
    )
    command.add_argument("dataset", type=Path, help="a zip or a directory")
    command.add_argument(
        "--preset",
        default="imagenet",
        dest="name",
        metavar="NAME",
        help="default: %(default)s, VGG16's ImageNet convolutions (59 MB); imagenet512 finds smaller things, "
        "scratch needs no download",
    )
    command.add_argument(
        "--epochs", type=epochs, metavar="N", help="default: as many as give the preset's number of updates"
    )
    command.add_argument(
        "--params", type=Path, default=Path("params.yaml"), metavar="FILE", help="default: %(default)s"
    )


def _add_batch_size(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--batch-size",
        type=natural,
        default=4,
        metavar="N",
        help="warn if the training split has fewer pairs; default: %(default)s",
    )


class _NoneOrTwo(argparse.Action):
    """Action of a flag that takes no value or two."""

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
