"""The one error for bad input. Every message says what was expected, what was found, where, and what to do next."""

import difflib
from collections.abc import Iterable
from functools import partial
from typing import Any

TRY_AGAIN = 75  # exit status after a TransientError: EX_TEMPFAIL of <sysexits.h>


def printable(text: str) -> str:
    """Return `text` for a terminal: a name from outside may hold a line's end or what a terminal takes for a command.

    What does not print (control characters, invisible ones, those that turn the direction of writing) is escaped as
    Python does.
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def printable_lines(text: str) -> str:
    """Return `text` printable, its further lines indented so that none can be taken for a message of its own."""
    return "\n    ".join(printable(line.removeprefix("    ")) for line in text.split("\n"))


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return ', did you mean X?' with the closest of `words`, or nothing where none is close."""
    near = difflib.get_close_matches(word, list(words), n=1)
    return f", did you mean {near[0]}?" if near else ""


class InputError(Exception):
    """Input that a stage refuses: a file, a parameter or an archive the user can mend.

    Commands print it without a traceback and exit with status 1; anything else that is
    raised is a defect of the program and keeps its traceback.
    """

    def __init__(self, problem: str, *, expected: str, got: str, file: object, next_step: str) -> None:
        super().__init__(problem)
        self.problem, self.expected, self.got, self.file, self.next_step = problem, expected, got, str(file), next_step

    def __str__(self) -> str:
        lines = {"expected": self.expected, "got": self.got, "file": self.file, "next": self.next_step}
        fields = (f"  {name + ':':9} {printable_lines(text)}" for name, text in lines.items())
        return "\n".join([printable_lines(self.problem), *fields])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all fields: an error is raised in a process of a pool, and shown in another."""
        fields = {"expected": self.expected, "got": self.got, "file": self.file, "next_step": self.next_step}
        return partial(type(self), self.problem, **fields), ()


class TransientError(InputError):
    """A refusal whose reason may pass by itself, as a network's: trying again later can help."""


class BusyError(InputError):
    """Another process is at the same work."""
