"""InputError, the one error for bad input: the problem, what was expected, what came instead, where, what to do."""

import difflib
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NoReturn

from sceneparse.core.terminal import print_text

TRY_AGAIN = 75  # exit status after a TransientError: EX_TEMPFAIL of <sysexits.h>
# Next step for a damaged output of a stage. DVC alone would copy the damage from its cache again.
REPAIR = "sceneparse verify --remove, then dvc pull or sceneparse run"


def printable(text: str) -> str:
    """Return `text` with unprintable characters escaped: names from outside may hold newlines or terminal commands.

    Unprintable are control characters, invisible ones, and those that reverse the direction of writing. They are
    escaped as Python does.
    """
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def printable_lines(text: str) -> str:
    """Return `text` printable, with all lines but the first indented, so that none looks like a message of its own."""
    return "\n    ".join(printable(line.removeprefix("    ")) for line in text.split("\n"))


def shortened(text: str, most: int = 100) -> str:
    """Return `text`, or its beginning and its end around an ellipsis where it has more than `most` characters."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


def few(texts: Sequence[str], most: int = 20, longest: int = 100) -> list[str]:
    """Return the first `most` texts, each shortened to `longest` characters, and how many there are besides."""
    more = [f"and {len(texts) - most:,} more"] if len(texts) > most else []
    return [*(shortened(text, longest) for text in texts[:most]), *more]


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return ', did you mean X?' with the closest of `words`, or nothing where none is close."""
    near = difflib.get_close_matches(word, list(words), n=1)
    return f", did you mean {near[0]}?" if near else ""


class InputError(Exception):
    """Input that a stage or a command refuses: a file, a param or an archive that the user can fix.

    Commands print it without a traceback and exit with status 1. Any other exception is a defect of the program and
    keeps its traceback.
    """

    def __init__(self, problem: str, *, expected: str, got: str, file: object, next_step: str) -> None:
        super().__init__(problem)
        self.problem, self.expected, self.got, self.file, self.next_step = problem, expected, got, str(file), next_step

    def __str__(self) -> str:
        lines = {"expected": self.expected, "got": self.got, "file": self.file, "next": self.next_step}
        fields = (f"  {name + ':':9} {printable_lines(text)}" for name, text in lines.items())
        return "\n".join([printable_lines(self.problem), *fields])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all fields: a pool's worker raises the error, and another process prints it."""
        fields = {"expected": self.expected, "got": self.got, "file": self.file, "next_step": self.next_step}
        return partial(type(self), self.problem, **fields), ()


class TransientError(InputError):
    """A refusal whose reason may pass, such as a network that is down: trying again later can help."""


class BusyError(TransientError):
    """A refusal because another process is at the same work."""


def exit_with(error: InputError) -> NoReturn:
    """Print an error without a traceback, and exit with 1, or with TRY_AGAIN if it may pass."""
    print_text(f"error: {error}", sys.stderr)
    sys.exit(TRY_AGAIN if isinstance(error, TransientError) else 1)
