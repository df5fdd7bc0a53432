"""The `sceneparse` command: parses the command line, runs the subcommand, and ends with an exit status.

Errors are printed without a traceback, which `--debug` shows. A subcommand's module, and all that is slow to import,
loads only when that subcommand runs.
"""

import argparse
import importlib
import io
import os
import select
import signal
import sys
from importlib.metadata import version
from pathlib import Path

from pipeline.cli.arguments import DEBUG, STATUSES, Parser, add_command
from pipeline.cli.dataset_commands import add_data
from pipeline.cli.model_commands import add_models
from pipeline.cli.run_commands import add_runs
from sceneparse.core.errors import InputError, printable_lines
from sceneparse.core.tensorflow_loading import show_all

SHELLS = ("bash", "zsh", "tcsh")


def main() -> None:
    """Parse the command line and run the subcommand; end quietly where nobody reads what it prints any more."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be text
    try:
        try:
            _run()
        finally:
            if sys.stdout:
                sys.stdout.flush()  # so that this is noticed here, and not when Python ends
    except BrokenPipeError:
        if not _unread():
            raise
        # As a program that SIGPIPE ends. To let the signal do it would end this one for every other pipe that breaks,
        # that of a video's encoder for one, and no error would be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


def _unread() -> bool:
    """Whether the reader of standard output, `head` for one, has closed its pipe."""
    if not sys.stdout:
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _run() -> None:
    interrupted = _watch_interrupts()
    try:
        flags = vars(make_parser().parse_args())
    except InputError as error:
        sys.exit(f"error: {error}")
    (module, function), debug = flags.pop("run").split(":"), flags.pop("debug")
    if debug:
        show_all()
    try:
        getattr(importlib.import_module(module), function)(**flags)
    except KeyboardInterrupt:
        if debug:
            raise
        sys.exit(128 + signal.SIGINT)
    except InputError as error:
        if debug:
            raise
        sys.exit(f"error: {error}")
    except Exception as error:
        if debug or (isinstance(error, BrokenPipeError) and _unread()):
            raise
        if interrupted:  # libraries make other exceptions of it while they are imported
            sys.exit(128 + signal.SIGINT)
        said = printable_lines(str(error))
        sys.exit(f"error: {type(error).__name__}: {said}\nThis is a defect: --debug shows where, please report it.")


def _watch_interrupts() -> list[int]:
    """A list that gets an entry with every Ctrl-C, which interrupts as always; none where it is ignored (nohup)."""
    seen: list[int] = []

    def interrupt(number: int, _: object) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    return seen


def make_parser() -> argparse.ArgumentParser:
    """`run` names a subcommand's function; its flags are that function's arguments."""
    parser = Parser(
        prog="sceneparse",
        description="Scene parsing: from a dataset to a trained, scored model, and its use.",
        epilog=f"sceneparse COMMAND --help shows its flags and examples\n{STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("sceneparse"))
    parser.add_argument("--debug", action="store_true", help=DEBUG)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_runs(commands)
    add_models(commands)
    add_data(commands)
    command = add_command(
        commands,
        "completion",
        "pipeline.cli.main:completion",
        "print what makes the Tab key complete commands and flags in a shell",
        (
            "bash > ~/.local/share/bash-completion/completions/sceneparse",
            'zsh > "${fpath[1]}/_sceneparse"',
            "tcsh >> ~/.tcshrc",
        ),
    )
    command.add_argument("shell", choices=SHELLS)
    return parser


def completion(shell: str) -> None:
    """Print the script for a shell."""
    import shtab

    parser = make_parser()
    parsers = [parser]
    for command in parsers:
        for action in command._actions:
            if action.type is Path or action.metavar == "PATH":  # the second may be addresses, too
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
    print(shtab.complete(parser, shell))


if __name__ == "__main__":
    main()
