"""Results read back: whole, or refused by the name of their file."""

import json

import pytest

from sceneparse.core.errors import InputError
from sceneparse.scores.results import read_scores, read_table
from sceneparse.scores.score_names import SCORES

NONE = json.dumps({protocol: dict.fromkeys(SCORES) for protocol in ("original", "resized")})
SECTION = dict.fromkeys(SCORES, 0.5) | {"mean_iou": None}


def test_scores_come_back(tmp_path):
    path = tmp_path / "evaluate.json"
    path.write_text(json.dumps({"resized": SECTION, "original": SECTION, "more": 1}))
    assert read_scores(path) == {"original": SECTION, "resized": SECTION}


@pytest.mark.parametrize(
    "content",
    [
        *(None, b"{", b"[]", b"\xff", b'{"original": 1, "resized": 2}', json.dumps({"original": SECTION}).encode()),
        *(NONE.replace("null", score, 1).encode() for score in ("NaN", "1e999", "-0.1", "2", '"0.5"', "9" * 5000)),
        b"[" * 100_000,
    ],
)
def test_scores_that_are_not_there(tmp_path, content):
    path = tmp_path / "evaluate.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_scores(path)
    assert refused.value.file == str(path)
    assert "sceneparse run" in refused.value.next_step
    assert len(refused.value.got) <= 300


def test_a_table_comes_back_as_text(tmp_path):
    path = tmp_path / "per_class.csv"
    path.write_text('name,iou\n\'=wall,0.5\n"a,\nb",\n', encoding="utf-8")
    assert read_table(path) == [{"name": "=wall", "iou": "0.5"}, {"name": "a,\nb", "iou": ""}]
    path.write_bytes(b"name\n\xff\n")
    for name, got in (("per_class.csv", "UnicodeDecodeError"), ("nosuch.csv", "no file")):
        with pytest.raises(InputError) as refused:
            read_table(tmp_path / name)
        assert refused.value.file == str(tmp_path / name)
        assert got in refused.value.got
