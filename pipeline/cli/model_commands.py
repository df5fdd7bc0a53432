"""Subcommands that use a trained model, or score any."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import add_command, natural, number, share, whole_number
from pipeline.repro.stage_paths import stage_path
from sceneparse.predict.defaults import BATCH, TILE_ABOVE

if TYPE_CHECKING:
    from pipeline.cli.arguments import Subparsers

PORT = 8765  # of the page; no well-known service uses it

scale = number("0.25..4", lambda value: 0.25 <= value <= 4)  # as evaluate.scales
port = whole_number("0..65535", 0, 65535)
side = whole_number("a side of 1..65500 pixels", 1, 65500)  # limit of the decoder
megapixels = whole_number("1..178", 1, 178)  # limit of the decoder: sceneparse/dataset/photos.py


def add_models(commands: "Subparsers") -> None:
    """Declare predict, web, export, submit and score."""
    _add_predict(commands)
    _add_web(commands)
    _add_export(commands)
    _add_submit(commands)
    _add_score(commands)


def _add_predict(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "predict",
        "sceneparse.predict.predict:predict",
        "label pictures and videos: write annotation values as PNG, an overlay and a legend",
        (
            "street.jpg",
            "photos/ 'scans/*.tif' https://localhost/street.jpg --out labelled --opacity 0.4",
            "plan.png --scales 0.75 1 1.25 --flip --tile-above 4000000 --palette colour_blind",
            "street.jpg --names --confidence",
            "photos/ --json > shares.json",
            "street.mp4 --batch 16",
            "- --json < street.jpg",
        ),
        "Searches folders with all folders below them, and mirrors their trees. Cuts a picture of more pixels than\n"
        "--tile-above into overlapping tiles of that size: more detail, but not at training's scale.\n"
        "Reports files that cannot be labelled, labels the others, and exits with 1.\n"
        "An ONNX export beside the model, of this very model, is used in its place: without TensorFlow's start.\n"
        "Videos must be named one by one, and become mp4 files of their overlays:\n"
        "pip install -c constraints.txt -e '.[video]'",
    )
    command.add_argument("paths", nargs="+", metavar="PATH", help="file, folder, glob, http(s) address, or - for stdin")
    _add_model(command)
    _add_views(command)
    command.add_argument("--out", type=Path, default=Path("predictions"), help="output folder; default: %(default)s")
    command.add_argument(
        "--opacity", type=share, default=0.6, help="opacity of the overlay's colours; default: %(default)s"
    )
    _add_palette(command)
    command.add_argument("--names", action="store_true", help="write the classes' names into large regions")
    command.add_argument(
        "--confidence",
        action="store_true",
        help="write the probability of each pixel's class, in percent, of pictures, not of videos",
    )
    command.add_argument(
        "--tile-above",
        type=natural,
        default=TILE_ABOVE,
        metavar="PIXELS",
        help="pixels of a picture; default: %(default)s",
    )
    command.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of tables")


def _add_submit(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "submit",
        "sceneparse.predict.submit:submit",
        "label the benchmark's test pictures, and write the zip for its evaluation server",
        ("release_test.zip", "release_test.zip --out flipped.zip --scales 0.75 1 1.25 --flip"),
        "Checks every PNG before the zip gets its name. A stopped command resumes at its next start.",
    )
    command.add_argument("pictures", type=Path, metavar="TEST.zip", help="the benchmark's release_test.zip")
    _add_model(command)
    _add_views(command)
    command.add_argument("--out", type=Path, default=Path("predictions/submission.zip"), help="default: %(default)s")


def _add_export(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "export",
        "sceneparse.export.export:export",
        "export a model as SavedModel, ONNX or TFLite, checked on real pictures",
        (
            "--format onnx",
            "--format savedmodel --model models/fcn8s.keras --out exports --force",
            "--format tflite --quantize int8 --size 256x384 --pictures photos/ --count 50",
        ),
        "The exported model takes uint8 RGB pictures, pads them itself, and returns pixels' classes and the logits.\n"
        "Kept only if its own runtime agrees with Keras on 99.9% of pixels (99% float16, 95% int8).",
    )
    command.add_argument("--format", choices=("savedmodel", "onnx", "tflite"), required=True)
    _add_model(command)
    command.add_argument("--out", type=Path, default=Path("exports"), help="output folder; default: %(default)s")
    command.add_argument(
        "--quantize",
        choices=("none", "float16", "int8"),
        default="none",
        help="quantization of tflite; default: %(default)s",
    )
    command.add_argument(
        "--size",
        type=_size,
        metavar="HxW",
        help="size of the exported model's pictures; default: any size; for tflite: training's size",
    )
    command.add_argument(
        "--pictures",
        type=Path,
        metavar="FOLDER",
        help="pictures for the check; default: the dataset's validation pictures",
    )
    command.add_argument(
        "--count",
        type=natural,
        default=16,
        help="number of pictures for the check and for quantization; default: %(default)s",
    )
    command.add_argument("--force", action="store_true", help="replace an earlier export")


def _add_web(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "web",
        "sceneparse.web.web:web",
        "serve a page that shows the segmentation of dropped pictures",
        ("", "--open", "--model models/fcn8s.keras --port 0", "--host 0.0.0.0 --max-mb 10 --max-megapixels 8"),
        "Pictures stay on this machine, in memory only. Ctrl-C stops the server.",
    )
    _add_model(command)
    command.add_argument("--host", default="127.0.0.1", help="address to listen on; default: %(default)s")
    command.add_argument("--port", type=port, default=PORT, help="0 = any free port; default: %(default)s")
    command.add_argument(
        "--max-mb", type=natural, default=20, help="largest file of a picture, in MB; default: %(default)s"
    )
    command.add_argument(
        "--max-megapixels",
        type=megapixels,
        default=24,
        help="shrink larger pictures to this; at most 178; default: %(default)s",
    )
    _add_palette(command)
    command.add_argument("--open", action="store_true", dest="open_browser", help="open the page in the browser")


def _add_score(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "score",
        "pipeline.cli.scores:score",
        "score a folder of predicted PNGs against a folder of annotations",
        ("annotations/ predictions/ --classes objectInfo150.txt",),
        "Files of the same name form a pair. The predictions may come from any system.",
    )
    command.add_argument("annotations", type=Path, help="folder of PNGs: 0 = other, not scored; 1..N = classes")
    command.add_argument("predictions", type=Path, help="folder of PNGs with the same names and sizes")
    command.add_argument("--classes", type=Path, required=True, help="class table like ADE20K's objectInfo150.txt")
    command.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of tables")


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", type=Path, default=stage_path("--model"), help="default: %(default)s")
    command.add_argument("--card", type=Path, help="default: the card beside the model, else the card inside it")


def _add_views(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--scales",
        type=scale,
        nargs="+",
        default=[1.0],
        metavar="X",
        help="average the probabilities at these scales, 0.25..4 of training's; default: 1",
    )
    command.add_argument("--flip", action="store_true", help="average with the probabilities of the mirrored picture")
    command.add_argument(
        "--batch", type=natural, default=BATCH, help="pictures at a time: speed against memory; default: %(default)s"
    )


def _add_palette(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--palette",
        choices=("standard", "colour_blind"),
        default="standard",
        help="the model's colours, or colours for red-green colour blindness; default: %(default)s",
    )


def _size(text: str) -> tuple[int, int]:
    height, times, width = text.partition("x")
    if not times:
        raise argparse.ArgumentTypeError(f"expected height x width, for example 256x384, got {text}")
    return side(height), side(width)
