"""Flags of a stage's command."""

import sys

import pytest

from sceneparse.params.flags import run_stage


def test_every_path_is_needed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["stage", "--records", "records"])
    with pytest.raises(SystemExit) as refused:
        run_stage(lambda _params, **_paths: None, {"records": "the records"}, {"model": "the model"})
    assert refused.value.code == 2
    assert "required: --model" in capsys.readouterr().err
