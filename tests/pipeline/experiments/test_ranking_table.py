"""Ranked experiments as text, however many params differ."""

from pipeline.experiments.experiment_rows import Experiment
from pipeline.experiments.ranking_table import WIDEST, print_ranking

SCORES = ("original.mean_iou", "original.pixel_accuracy")
KEYS = [f"train.augment.{name}" for name in "abcdefghijkl"]
DIGEST = f"sha256:{64 * '0'}"


def row(name, dataset="1", iou=0.5, **params):
    return Experiment(name, "0123456789", True, params, dict(zip(SCORES, (iou, 0.75), strict=True)), dataset)


def lines(capsys, ranked, workspace, keys):
    print_ranking([*ranked, workspace], workspace, keys, SCORES)
    return capsys.readouterr().out.splitlines()


def test_few_params_are_columns(capsys):
    head, first, last = lines(capsys, [row("a", epochs=20)], row("workspace", epochs=12), ["epochs"])
    assert head.split() == ["experiment", "commit", "epochs", "mean_iou", "pixel_accuracy"]
    assert first.split() == ["a", "0123456", "20", "0.5000", "0.7500"]
    assert last.split()[:3] == ["workspace", "0123456", "12"]


def test_many_params_are_lines_and_none_is_wide(capsys):
    workspace = row("workspace", **dict.fromkeys(KEYS, 1), digest=DIGEST)
    ranked = [row("a", **dict.fromkeys(KEYS, 2)), row("b", **dict.fromkeys(KEYS, 1), digest=DIGEST)]
    text = lines(capsys, ranked, workspace, [*KEYS, "digest"])
    assert max(map(len, text)) <= WIDEST
    table, changes = text[: text.index("")], text[text.index("") + 1 :]
    assert [line.split()[0] for line in table] == ["experiment", "a", "b", "workspace"]
    assert table[1].split() == ["a", "0123456", "0.5000", "0.7500"]
    assert changes[0].split() == ["experiment", "param", "value", "workspace"]
    assert [line.split() for line in changes[1:-1]] == [["a", key, "2", "1"] for key in KEYS], "b's are the workspace's"
    assert changes[-1].split()[:3] == ["a", "digest", "null"]
    assert "…" in changes[-1]


def test_other_datasets_are_named(capsys):
    workspace, ranked = row("workspace"), [row("a", "2"), row("b"), row("c", None), row("d", "3")]
    assert lines(capsys, ranked, workspace, [])[-1].endswith(": a, d")
    assert not any("note" in line for line in lines(capsys, ranked[1:3], workspace, []))
    assert not any("note" in line for line in lines(capsys, ranked, row("workspace", None), []))
