"""Subcommands that put a trained model to use."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import add_command, natural, scale, share
from pipeline.repro.stage_paths import stage_path
from sceneparse.predict.defaults import BATCH, TILE_ABOVE

if TYPE_CHECKING:
    from pipeline.cli.arguments import Subparsers

PORT = 8765  # of the page; no well-known service is there


def add_models(commands: "Subparsers") -> None:
    """predict, submit, export, web."""
    _add_predict(commands)
    _add_submit(commands)
    _add_export(commands)
    _add_web(commands)


def _add_predict(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "predict",
        "sceneparse.predict.predict:predict",
        "label pictures and videos: annotation values as PNG, an overlay, a legend",
        (
            "street.jpg",
            "photos/ 'scans/*.tif' https://localhost/street.jpg --out labelled --opacity 0.4",
            "plan.png --scales 0.75 1 1.25 --flip --tile-above 4000000 --palette colour_blind",
            "photos/ --json > shares.json",
            "street.mp4 --batch 16",
            "- --json < street.jpg",
        ),
        "Folders are searched with all below them, and their trees mirrored. A picture of more pixels than\n"
        "--tile-above is seen in overlapping tiles of that size: more detail, at a scale that is not training's.\n"
        "What cannot be labelled is reported, the rest goes on, and the exit status is 1.\n"
        "Videos, which are named one by one, become mp4 files of their overlays: \n"
        "pip install -c constraints.txt -e '.[video]'",
    )
    command.add_argument("paths", nargs="+", metavar="PATH", help="file, folder, glob, http(s) address, or - for stdin")
    _add_looks(command)
    command.add_argument("--out", type=Path, default=Path("predictions"), help="folder, default: %(default)s")
    command.add_argument("--opacity", type=share, default=0.6, help="of the overlay's colours, default: %(default)s")
    _add_palette(command)
    command.add_argument(
        "--tile-above", type=natural, default=TILE_ABOVE, metavar="PIXELS", help="default: %(default)s"
    )
    command.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of tables")


def _add_submit(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "submit",
        "sceneparse.predict.submit:submit",
        "label the benchmark's test pictures and write the zip for its evaluation server",
        ("release_test.zip", "release_test.zip --out flipped.zip --scales 0.75 1 1.25 --flip"),
        "The zip is checked before it gets its name. If it is stopped, the next start goes on where it was.",
    )
    command.add_argument("pictures", type=Path, metavar="TEST.zip", help="the benchmark's release_test.zip")
    _add_looks(command)
    command.add_argument("--out", type=Path, default=Path("predictions/submission.zip"), help="default: %(default)s")


def _add_export(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "export",
        "sceneparse.export.export:export",
        "give a model to other runtimes: SavedModel, ONNX or TFLite, checked on real pictures",
        (
            "--format onnx",
            "--format savedmodel --model models/fcn8s.keras --out exports --force",
            "--format tflite --quantize int8 --size 256x384 --pictures photos/ --count 50",
        ),
        "The exported model takes uint8 RGB pictures, pads them itself, and gives each pixel's class and the logits.\n"
        "It gets its name only if its own runtime gives as many pixels the Keras model's class as is needed.",
    )
    command.add_argument("--format", choices=("savedmodel", "onnx", "tflite"), required=True)
    command.add_argument("--model", type=Path, default=stage_path("--model"), help="default: %(default)s")
    command.add_argument("--card", type=Path, help="default: the one beside the model, else the one inside it")
    command.add_argument("--out", type=Path, default=Path("exports"), help="folder, default: %(default)s")
    command.add_argument(
        "--quantize", choices=("none", "float16", "int8"), default="none", help="of tflite; default: %(default)s"
    )
    command.add_argument(
        "--size", type=_size, metavar="HxW", help="of its pictures; default: any size, tflite: that of training"
    )
    command.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="to check it with; default: the dataset's validation pictures"
    )
    command.add_argument(
        "--count", type=natural, default=16, help="pictures to check, and to quantize, with; default: %(default)s"
    )
    command.add_argument("--force", action="store_true", help="replace an earlier export")


def _add_web(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "web",
        "sceneparse.web.web:web",
        "show a page where pictures are dropped and their segmentation is looked at",
        ("", "--open", "--model models/fcn8s.keras --port 0", "--host 0.0.0.0 --max-mb 10 --max-megapixels 8"),
        "Pictures go to this machine alone, are kept in memory and forgotten. Ctrl-C ends it.",
    )
    command.add_argument("--model", type=Path, default=stage_path("--model"), help="default: %(default)s")
    command.add_argument("--card", type=Path, help="default: the one beside the model, else the one inside it")
    command.add_argument("--host", default="127.0.0.1", help="address to listen on; default: %(default)s")
    command.add_argument("--port", type=_port, default=PORT, help="0 = any that is free; default: %(default)s")
    command.add_argument("--max-mb", type=natural, default=20, help="of a picture's file; default: %(default)s")
    command.add_argument(
        "--max-megapixels",
        type=_megapixels,
        default=24,
        help="larger pictures are shrunk to it; at most 178; default: %(default)s",
    )
    _add_palette(command)
    command.add_argument("--open", action="store_true", dest="open_browser", help="open the page in the browser")


def _add_looks(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", type=Path, default=stage_path("--model"), help="default: %(default)s")
    command.add_argument("--card", type=Path, help="default: the one beside the model, else the one inside it")
    command.add_argument(
        "--scales",
        type=scale,
        nargs="+",
        default=[1.0],
        metavar="X",
        help="sizes (0.25..4 of training's) at which a picture is seen; probabilities are averaged; default: 1",
    )
    command.add_argument("--flip", action="store_true", help="see each picture mirrored as well")
    command.add_argument(
        "--batch", type=natural, default=BATCH, help="pictures at a time, memory and speed; default: %(default)s"
    )


def _add_palette(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--palette",
        choices=("standard", "colour_blind"),
        default="standard",
        help="the model's, or one to be told apart without seeing red and green; default: %(default)s",
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**16:
        raise argparse.ArgumentTypeError(f"expected 0..65535, got {text}")
    return int(text)


def _megapixels(text: str) -> int:
    if natural(text) > 178:  # more is not decoded: sceneparse/dataset/photos.py
        raise argparse.ArgumentTypeError(f"expected 1..178, got {text}")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    height, found, width = text.partition("x")
    if not found:
        raise argparse.ArgumentTypeError(f"expected height x width as 256x384, got {text}")
    return natural(height), natural(width)
