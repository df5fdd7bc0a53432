"""Declaration of subcommands, and types of their flags' values."""

import argparse
import math
from typing import TYPE_CHECKING, Any

from sceneparse.core.errors import did_you_mean

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[Any]

DEBUG = "show tracebacks of errors, and all output of TensorFlow"
STATUSES = "exit status: 0 = done, 1 = refused or failed (standard error says why), 2 = wrong usage, 130 = Ctrl-C"


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


def seconds(text: str) -> float:
    """Parse a number above 0."""
    value = number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def share(text: str) -> float:
    """Parse a number from 0 to 1."""
    value = number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected 0..1, got {text}")
    return value


def scale(text: str) -> float:
    """Parse a number from 0.25 to 4, the range of evaluate.scales."""
    value = number(text)
    if not 0.25 <= value <= 4:
        raise argparse.ArgumentTypeError(f"expected 0.25..4, got {text}")
    return value


def natural(text: str) -> int:
    """Parse a whole number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text}")
    return int(text)


def number(text: str) -> float:
    """Parse a float; return NaN for bad text, so that the range check rejects it with our own error."""
    try:
        return float(text)
    except ValueError:
        return math.nan
