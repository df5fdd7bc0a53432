"""Classes and codes that --ignore names: their pixels become 0, other, and a class without codes leaves the table.

A code is a value, a colour or a label. A name counts without regard to case.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sceneparse.convert.spelling import comparable
from sceneparse.core.errors import InputError, did_you_mean, few

NO_CLASS = ("void", "unlabelled", "unlabeled", "ignore", "other")  # names of what is not labelled
MOST_NAMES = 12  # in an error

Code = TypeVar("Code", int, str)


def drop_ignored(
    names: tuple[str, ...],
    codes: dict[Code, int],
    ignore: Sequence[str],
    parse: Callable[[str], Code],
    kind: str,
    path: Path,
) -> tuple[tuple[str, ...], dict[Code, int]]:
    """Return the names of the classes that are left, and each code's number among them, 0 for ignored ones.

    `codes`: numbers 1..N of the N names, or 0; `ignore`: names, or what `parse` makes a code, of the kind `kind`.
    Raises InputError that lists what is neither.
    """
    ignored: set[Code] = set()
    problems = []
    for text in ignore:
        numbers = {number for number, name in enumerate(names, 1) if comparable(name) == comparable(text.strip())}
        try:
            ignored.add(parse(text))
        except ValueError:
            ignored |= {code for code, number in codes.items() if number in numbers}
            if not numbers:
                problems.append(f"{text}, which is neither{did_you_mean(text, names)}")
    if problems:
        form = {"colour": ", as #rrggbb or 'r g b'", "value": " of 0..65535"}.get(kind, "")
        raise InputError(
            "--ignore names what the class table lacks",
            expected=f"a class of {path}, in any case ({', '.join(few(names, MOST_NAMES))}), or a {kind}{form}",
            got="; ".join(problems),
            file="the command line",
            next_step=f"name classes or {kind}s; put quotes around # and blanks",
        )
    left = {number for code, number in codes.items() if code not in ignored}
    gone = {number for code, number in codes.items() if code in ignored} - left
    kept = [number for number in range(1, len(names) + 1) if number not in gone]
    numbering = {number: place for place, number in enumerate(kept, 1)}
    codes = {**codes, **dict.fromkeys(sorted(ignored), 0)}
    return tuple(names[number - 1] for number in kept), {
        code: numbering.get(number, 0) for code, number in codes.items()
    }


def forgotten(names: Sequence[str]) -> list[str]:
    """Return a warning for each class that is named as if it were none."""
    return [
        f"warning: {name} becomes a class, learnt and scored; if it marks what has no label, say --ignore {name}"
        for name in names
        if name.casefold() in NO_CLASS
    ]
