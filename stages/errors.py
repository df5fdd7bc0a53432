"""The one error for bad input. Every message says what was expected, what was found, where, and what to do next."""

import difflib
from collections.abc import Iterable

TRY_AGAIN = 75  # exit status after a TransientError: EX_TEMPFAIL of <sysexits.h>


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
        super().__init__(
            f"{problem}\n  expected: {expected}\n  got:      {got}\n  file:     {file}\n  next:     {next_step}"
        )


class TransientError(InputError):
    """A refusal whose reason may pass by itself, as a network's: trying again later can help."""


class BusyError(InputError):
    """Another process is at the same work."""
