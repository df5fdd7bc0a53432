"""Subcommands that write the params, run the stages, now, on a schedule or as experiments, and show the results."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.cli.arguments import add_command, number, share
from pipeline.repro.stage_paths import stage_path
from sceneparse.core.errors import shortened

if TYPE_CHECKING:
    from pipeline.cli.arguments import Subparsers

seconds = number("a number above 0, at most a billion", lambda value: 0 < value <= 1_000_000_000)


def deployment_name(text: str) -> str:
    """Return a flag's value that Prefect takes as a name and finds again: it puts names into addresses as they are."""
    if not text.strip("' \".") or not text.isprintable() or set(text) & set("/%&<>?#") or text.endswith(".py"):
        expected = "a name without / % & < > ? #, not ending in .py"
        raise argparse.ArgumentTypeError(f"expected {expected}, got {shortened(text) or 'none'}")
    return text


def web_address(text: str) -> str:
    """Return a flag's value that is an http or https address with a host."""
    try:
        address = urlsplit(text)
        host = address.hostname or ""
        host.encode("idna")  # raises UnicodeError, a ValueError, for a name that no host can have
        fits = address.scheme in ("http", "https") and host and address.port != 0
    except ValueError:
        fits = False
    if not fits or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError(f"expected http:// or https:// and a host, got {shortened(text) or 'none'}")
    return text


def add_runs(commands: "Subparsers") -> None:
    """Declare preset, run, results, serve, notify, sweep, compare and verify."""
    _add_preset(commands)
    _add_run(commands)
    _add_results(commands)
    _add_serve(commands)
    _add_notify(commands)
    _add_sweep(commands)
    _add_compare(commands)
    _add_verify(commands)


def _add_preset(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "preset",
        "sceneparse.params.presets:preset",
        "write params.yaml whole, with the values of a preset",
        ("imagenet", "ade20k", "demo", "ade20k --params trial.yaml"),
        "Prints each value that changes, as key: old -> new. `demo` has the defaults, for the embedded demo; a file\n"
        "in presets/ holds the keys that differ from them.",
    )
    command.add_argument("name", help="demo, or the name of a file in presets/ without .yaml")
    command.add_argument(
        "--params", type=Path, default=Path("params.yaml"), metavar="FILE", help="default: %(default)s"
    )


def _add_run(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "run",
        "pipeline.flow.run:run",
        "bring all stages up to date: the DVC stages as a Prefect flow",
        ("", "--stage prepare", "--min-iou 0.3 --push"),
        "Skips stages that are up to date. After a stop or a kill, the same command resumes.",
    )
    _add_flow_parameters(command)


def _add_results(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "results",
        "pipeline.cli.scores:results",
        "print the scores of the last run and the path of its report",
        ("",),
    )
    scores, report = stage_path("--scores"), stage_path("--report") / "index.html"
    command.add_argument("--metrics", type=Path, default=scores, help="default: %(default)s")
    command.add_argument("--report", type=Path, default=report, help="default: %(default)s")


def _add_serve(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "serve",
        "pipeline.flow.serve:serve",
        "run the flow on a schedule, and on request, until stopped",
        ('--cron "0 3 * * *" --timezone Europe/Zurich --push', "--interval 3600 --paused", ""),
    )
    command.add_argument(
        "--name", type=deployment_name, default="nightly", help="name of the deployment; default: %(default)s"
    )
    when = command.add_mutually_exclusive_group()
    when.add_argument(
        "--cron", metavar="FIELDS", help='minute, hour, day, month, weekday: "0 3 * * *" is 3:00 each day'
    )
    when.add_argument("--interval", type=seconds, metavar="SECONDS", help="time between starts")
    command.add_argument(
        "--timezone", metavar="ZONE", help="time zone of --cron, for example Europe/Zurich; default: UTC"
    )
    command.add_argument("--paused", action="store_true", help="start with a paused schedule")
    _add_flow_parameters(command)


def _add_notify(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "notify",
        "pipeline.flow.notify:notify",
        "make Prefect call a webhook when a run fails or the gate stops it",
        ("https://chat.example.org/hooks/1234",),
    )
    command.add_argument("url", type=web_address, help="address that accepts a POST of JSON with subject and text")


def _add_sweep(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "sweep",
        "pipeline.experiments.sweep:sweep",
        "run a grid of DVC experiments, apart from the workspace",
        ("train.learning_rate=0.0005,0.001", "train.epochs=6,12 model.width=0.125,0.25 --dry-run"),
    )
    command.add_argument("assignments", nargs="+", metavar="KEY=VALUE,VALUE", help="a param and its values")
    command.add_argument("--dry-run", action="store_true", help="check and print the points, run none")


def _add_compare(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "compare",
        "pipeline.experiments.compare:compare",
        "rank the experiments that started from the current commit",
        ("", "--by pixel_accuracy --all", "--json", "--html", "--html HEAD workspace"),
    )
    command.add_argument(
        "--by", default="mean_iou", metavar="SCORE", help="score to rank by; default: %(default)s, at original size"
    )
    command.add_argument("--all", action="store_true", dest="every_commit", help="include experiments of other commits")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of a table")
    form.add_argument(
        "--html",
        nargs="*",
        metavar="RUN",
        help="write a page of two runs side by side, B and its differences from A: experiments, Git revisions, or "
        "workspace; default: workspace and the best experiment",
    )
    command.add_argument("--output", type=Path, metavar="PAGE", help="its path; default: state/compare.html")


def _add_verify(commands: "Subparsers") -> None:
    command = add_command(
        commands,
        "verify",
        "pipeline.repro.integrity:verify",
        "read all outputs and DVC's cache, and compare them with their digests",
        ("", "--remove"),
        "DVC itself trusts what is in its cache. Exits with 1 if a file is damaged and left there.",
    )
    command.add_argument(
        "--remove",
        action="store_true",
        dest="remove_damaged",
        help="remove damaged files, so that dvc pull or sceneparse run brings them back",
    )


def _add_flow_parameters(command: argparse.ArgumentParser) -> None:
    """Declare the flow's parameters, for a run now or for scheduled runs."""
    command.add_argument("--stage", metavar="NAME", help="run this stage and those that it needs; default: all stages")
    command.add_argument("--force", action="store_true", help="also run stages that are up to date")
    command.add_argument(
        "--push", action="store_true", help="afterwards upload outputs and run-cache to the DVC remote"
    )
    command.add_argument(
        "--min-iou", type=share, metavar="X", help="fail, and push nothing, if the mean IoU is below this"
    )
    command.add_argument(
        "--margin",
        type=share,
        default=0.01,
        metavar="X",
        help="fail, and push nothing, if the mean IoU is more than this below the last pushed model's; "
        "default: %(default)s",
    )
    command.add_argument(
        "--overlap",
        choices=("wait", "refuse"),
        default="wait",
        help="wait for another run in this workspace, or refuse to start; default: %(default)s",
    )
