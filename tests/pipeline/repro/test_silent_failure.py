"""DVC, failing without a word."""

import pytest

from pipeline.repro import dvc_commands
from pipeline.repro.dvc_commands import CommandError, run_dvc
from pipeline.repro.dvc_errors import dvc_understood
from sceneparse.core.errors import InputError


def test_a_failure_without_a_word_names_the_exit_status(tmp_path, monkeypatch):
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text("{}")
    monkeypatch.setattr(dvc_commands, "run_supervised", lambda *_, **__: 3)
    with pytest.raises(CommandError) as failure:
        run_dvc(tmp_path, ["status"], print)
    assert "exit status 3" in str(failure.value)


def test_an_error_without_a_word_names_its_kind(tmp_path):
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=r"got: +OSError without a message"), dvc_understood(tmp_path):
        raise OSError
