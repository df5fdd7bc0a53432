"""The `sceneparse` command: every subcommand's flags, and where its work is done.

Input that cannot be used is refused without a traceback, exit status 1. A subcommand's module, and all
that is slow to import, loads only when that subcommand runs.
"""

import argparse
import importlib
import math
import os
import signal
import sys
from pathlib import Path

from pipeline.results import MODEL, REPORT, SCORES
from stages.errors import InputError


def main() -> None:
    """Parse the command line and run the subcommand."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `sceneparse ... | head` ends without a traceback
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes would bury ours
    flags = vars(_parser().parse_args())
    module, function = flags.pop("run").split(":")
    try:
        getattr(importlib.import_module(module), function)(**flags)
    except InputError as error:
        sys.exit(f"error: {error}")


def _parser() -> argparse.ArgumentParser:
    """`run` names a subcommand's function; its flags are that function's arguments."""
    parser = argparse.ArgumentParser(
        prog="sceneparse", description="Scene parsing: from a dataset to a trained, scored model, and its use."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("run", help="bring everything up to date: the DVC stages as a Prefect flow")
    _add_flow_parameters(command)
    command.set_defaults(run="pipeline.run:run")

    command = commands.add_parser("sweep", help="run a grid of DVC experiments, apart from the workspace")
    command.add_argument(
        "assignments", nargs="+", metavar="KEY=VALUE,VALUE", help="a param and the values that it takes"
    )
    command.add_argument("--dry-run", action="store_true", help="check and show the points, run none")
    command.set_defaults(run="pipeline.sweep:sweep")

    command = commands.add_parser("compare", help="rank the experiments that began from the current commit")
    command.add_argument("--by", default="mean_iou", metavar="SCORE", help="default: %(default)s, at original size")
    command.add_argument("--all", action="store_true", dest="every_commit", help="those of other commits too")
    command.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of a table")
    command.set_defaults(run="pipeline.compare:compare")

    command = commands.add_parser("serve", help="run it on a schedule, and on request, until stopped")
    command.add_argument("--name", default="nightly", help="of the deployment; default: %(default)s")
    when = command.add_mutually_exclusive_group()
    when.add_argument(
        "--cron", metavar="FIELDS", help='minute, hour, day, month, weekday: "0 3 * * *" is 3:00 each day'
    )
    when.add_argument("--interval", type=_seconds, metavar="SECONDS", help="between starts")
    command.add_argument("--timezone", metavar="ZONE", help="of --cron, as in Europe/Zurich; default: UTC")
    command.add_argument("--paused", action="store_true", help="start with the schedule paused")
    _add_flow_parameters(command)
    command.set_defaults(run="pipeline.serve:serve")

    command = commands.add_parser("notify", help="have Prefect tell a webhook when a run fails or the gate stops it")
    command.add_argument("url", help="takes a POST of JSON with subject and text")
    command.set_defaults(run="pipeline.notify:notify")

    command = commands.add_parser("results", help="show the scores of the last run and where its report is")
    command.add_argument("--metrics", type=Path, default=SCORES, help="default: %(default)s")
    command.add_argument("--report", type=Path, default=REPORT, help="default: %(default)s")
    command.set_defaults(run="pipeline.scores:results")

    command = commands.add_parser("score", help="score a folder of predicted PNGs against a folder of annotations")
    command.add_argument("annotations", type=Path, help="folder of PNGs: 0 = other, left out; 1..N = classes")
    command.add_argument("predictions", type=Path, help="folder of PNGs with the same names and sizes")
    command.add_argument("--classes", type=Path, required=True, help="class table like ADE20K's objectInfo150.txt")
    command.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of tables")
    command.set_defaults(run="pipeline.scores:score")

    command = commands.add_parser("predict", help="label a picture: a PNG of annotation values and an overlay")
    command.add_argument("picture", type=Path, help="a JPEG, PNG, WebP, TIFF, BMP or GIF of any size")
    command.add_argument("--model", type=Path, default=MODEL, help="default: %(default)s")
    command.add_argument("--card", type=Path, help="default: the one beside the model, else the one inside it")
    command.add_argument("--out", type=Path, default=Path("predictions"), help="folder, default: %(default)s")
    command.add_argument("--opacity", type=_share, default=0.6, help="of the overlay's colours, default: %(default)s")
    command.set_defaults(run="pipeline.predict:predict")
    return parser


def _add_flow_parameters(command: argparse.ArgumentParser) -> None:
    """The flow's parameters, for a run now or for scheduled ones."""
    command.add_argument("--stage", metavar="NAME", help="this stage and what it needs; default: all stages")
    command.add_argument("--force", action="store_true", help="run stages that are up to date too")
    command.add_argument(
        "--push", action="store_true", help="upload outputs and run-cache to the DVC remote afterwards"
    )
    command.add_argument("--min-iou", type=_share, metavar="X", help="fail, and push nothing, below this mean IoU")
    command.add_argument(
        "--margin",
        type=_share,
        default=0.01,
        metavar="X",
        help="fail, and push nothing, when more than this below the last pushed model's; default: %(default)s",
    )
    command.add_argument(
        "--overlap",
        choices=("wait", "refuse"),
        default="wait",
        help="what to do while another run is going on in this workspace; default: %(default)s",
    )


def _seconds(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def _share(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected 0..1, got {text}")
    return value


if __name__ == "__main__":
    main()
