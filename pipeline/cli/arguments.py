"""Declaration of subcommands, and types of their flags' values."""

import argparse
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sceneparse.core.errors import TRY_AGAIN, did_you_mean, shortened

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[Any]

DEBUG = "show tracebacks of errors, and all output of TensorFlow"
MOST_DIGITS = 20  # of a whole number, leading zeros included
STATUSES = (
    "exit status: 0 = done, 1 = refused or failed (standard error says why), 2 = wrong usage,\n"
    f"{TRY_AGAIN} = failed for now, as on a full disk: try again, 130 = Ctrl-C"
)


class Parser(argparse.ArgumentParser):
    """Argument parser whose errors suggest the closest known word, and name the subcommand that got an unknown flag."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse, and refuse unknown flags here, in the subcommand that got them."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            flag = next((word for word in unknown if word.startswith("-")), "").partition("=")[0]
            hint = did_you_mean(flag, self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return known, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices or ()))
            raise


def add_command(
    commands: "Subparsers", name: str, run: str, help: str, examples: tuple[str, ...], more: str = ""
) -> argparse.ArgumentParser:
    """Declare a subcommand.

    run: the function to call with the flags as arguments, as module:function; help: one line; examples: arguments after
    `sceneparse NAME`; more: further lines of help.
    """
    lines = "\n".join(f"  sceneparse {name} {example}".rstrip() for example in examples)
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description="\n\n".join(filter(None, (f"{help[0].upper()}{help[1:]}.", more))),
        epilog=f"examples:\n{lines}\n\n{STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # Users append --debug to a command that has failed. SUPPRESS keeps a --debug before the name.
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=DEBUG)
    command.set_defaults(run=run)
    return command


def number(expected: str, fits: Callable[[float], bool]) -> Callable[[str], float]:
    """Return the type of a flag that takes numbers which fit, finite or not; `expected` says which do."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not fits(value):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {shortened(text)}")
        return value

    return parse


def whole_number(expected: str, least: int, most: int) -> Callable[[str], int]:
    """Return the type of a flag that takes whole numbers from `least` to `most`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or len(text) > MOST_DIGITS or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected {expected}, got {shortened(text)}")
        return int(text)

    return parse


share = number("0..1", lambda value: 0 <= value <= 1)
natural = whole_number("a whole number from 1 to a billion", 1, 1_000_000_000)
