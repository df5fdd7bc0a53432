"""The quality gate: when it closes, and why."""

import pytest

from pipeline.flow.gate import Gate, read_earlier
from sceneparse.core.errors import InputError


def scores(iou):
    return {"original": {"mean_iou": iou}, "resized": {"mean_iou": 0.0}}


@pytest.mark.parametrize(
    ("gate", "iou", "pushed", "closed"),
    [
        (Gate(), 0.1, None, None),
        (Gate(min_iou=0.5), 0.5, None, None),
        (Gate(min_iou=0.5), 0.4999, None, "below 0.5000"),
        (Gate(min_iou=0.0), 0.0, None, None),
        (Gate(), None, None, "no mean IoU"),
        (Gate(margin=0.01), 0.495, 0.5, None),
        (Gate(margin=0.01), 0.489, 0.5, "more than 0.0100 below 0.5000"),
        (Gate(margin=0.0), 0.5, 0.5, None),
        (Gate(margin=1.0), 0.0, 1.0, None),
        (Gate(min_iou=0.6, margin=0.5), 0.55, 0.5, "below 0.6000"),
    ],
)
def test_what_may_be_pushed(gate, iou, pushed, closed):
    reason = gate.closed(scores(iou), {} if pushed is None else scores(pushed))
    assert reason is None if closed is None else closed in reason


@pytest.mark.parametrize("content", [b"", b"{}", b'{"original": {"mean_iou": NaN}}', b"[" * 100_000, b"\xff"])
def test_scores_of_an_earlier_run_that_are_damaged(tmp_path, content):
    path = tmp_path / "pushed.json"
    assert read_earlier(path) == {}
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_earlier(path)
    assert refused.value.file == str(path)
