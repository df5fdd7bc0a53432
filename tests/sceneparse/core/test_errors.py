"""The one error for bad input: its fields, its text, and its way between processes."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from sceneparse.core.errors import BusyError, InputError, TransientError

FIELDS = {"expected": "a\nb", "got": "c\x1b[0m", "file": Path("d.zip"), "next_step": "e"}


def refuse(kind):
    raise kind("it is no zip", **FIELDS)


@pytest.mark.parametrize("kind", [InputError, TransientError, BusyError])
def test_an_error_raised_in_a_pool_arrives_whole(kind):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool, pytest.raises(kind) as raised:
        pool.submit(refuse, kind).result()
    error = raised.value
    assert type(error) is kind
    assert {name: getattr(error, name) for name in FIELDS} == {**FIELDS, "file": "d.zip"}
    assert error.problem == "it is no zip"
    assert str(error) == str(pickle.loads(pickle.dumps(error)))  # noqa: S301 - our own bytes


def test_its_text_has_a_line_for_each_field():
    text = str(InputError("it is no zip", **FIELDS)).splitlines()
    assert text == [
        "it is no zip",
        "  expected: a",
        "    b",
        "  got:      c\\x1b[0m",
        "  file:     d.zip",
        "  next:     e",
    ]
