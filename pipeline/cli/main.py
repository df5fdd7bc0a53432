"""The `sceneparse` command: parse the command line, run the subcommand, end with an exit status.

Errors are printed without a traceback unless `--debug` is given. A subcommand's module, and each module that is slow to
import, loads only when that subcommand runs.
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
from sceneparse.core.collecting import own_process
from sceneparse.core.errors import InputError, exit_with, printable_lines
from sceneparse.core.file_errors import file_error, files_understood, flush_output
from sceneparse.core.tensorflow_loading import show_all
from sceneparse.core.terminal import print_text

SHELLS = ("bash", "zsh", "tcsh")


def main() -> None:
    """Parse the command line and run the subcommand; exit quietly when the reader of standard output has gone."""
    own_process()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be valid Unicode
    try:
        try:
            _run()
        finally:
            flush_output()  # a broken pipe raises here, not when Python exits
    except BrokenPipeError:
        if not _has_lost_reader():
            raise
        # Exit as SIGPIPE would. Not SIG_DFL: that would also kill us, silently, when a video encoder's pipe breaks.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        if not (refusal := file_error(error)):
            raise
        exit_with(refusal)


def _has_lost_reader() -> bool:
    """Return whether the reader of standard output, such as `head`, has closed its pipe."""
    if not sys.stdout:
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _run() -> None:
    """Run the subcommand, and turn its errors into exit statuses."""
    interrupted = _watch_interrupts()
    try:
        flags = vars(make_parser().parse_args())
    except InputError as error:
        exit_with(error)
    (module, function), debug = flags.pop("run").split(":"), flags.pop("debug")
    if debug:
        show_all()
    try:
        with files_understood():
            try:
                getattr(importlib.import_module(module), function)(**flags)
            finally:
                flush_output()
    except KeyboardInterrupt:
        if debug:
            raise
        sys.exit(128 + signal.SIGINT)
    except InputError as error:
        if debug:
            raise
        exit_with(error)
    except Exception as error:
        if debug or (isinstance(error, BrokenPipeError) and _has_lost_reader()):
            raise
        if interrupted:  # libraries turn KeyboardInterrupt into other exceptions during import
            sys.exit(128 + signal.SIGINT)
        message = printable_lines(str(error))
        print_text(
            f"error: {type(error).__name__}: {message}\nThis is a defect: --debug shows where, please report it.",
            sys.stderr,
        )
        sys.exit(1)


def _watch_interrupts() -> list[int]:
    """Return a list that grows with every Ctrl-C, which interrupts as usual; nohup's ignored Ctrl-C stays ignored."""
    interrupts: list[int] = []

    def interrupt(number: int, _: object) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    return interrupts


def make_parser() -> argparse.ArgumentParser:
    """Return the parser: `run` names a subcommand's function, and its flags are that function's arguments."""
    parser = Parser(
        prog="sceneparse",
        description="Scene parsing: from a dataset to a trained and scored model, and its use.",
        epilog=f"sceneparse COMMAND --help shows its flags and examples\n{STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("sceneparse"))
    parser.add_argument("--debug", action="store_true", help=DEBUG)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_data(commands)
    add_runs(commands)
    add_models(commands)
    command = add_command(
        commands,
        "completion",
        "pipeline.cli.main:completion",
        "print a script with which a shell's Tab key completes commands and flags",
        (
            "bash > ~/.local/share/bash-completion/completions/sceneparse",
            'zsh > "${fpath[1]}/_sceneparse"',
            "tcsh >> ~/.tcshrc",
        ),
    )
    command.add_argument("shell", choices=SHELLS)
    return parser


def completion(shell: str) -> None:
    """Print the completion script for a shell."""
    import shtab

    parser = make_parser()
    parsers = [parser]
    for command in parsers:
        for action in command._actions:
            if action.type is Path or action.metavar == "PATH":  # PATH may be an address, too
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's own attribute
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
    print(shtab.complete(parser, shell))


if __name__ == "__main__":
    main()
