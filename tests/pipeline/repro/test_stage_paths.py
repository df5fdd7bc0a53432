"""Paths of the stages as dvc.yaml has them."""

from pathlib import Path

import pytest

from pipeline.repro.stage_paths import stage_path
from sceneparse.core.errors import InputError


def test_a_path_is_the_one_after_its_flag(tmp_path):
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  a:\n    cmd: >-\n      python a\n      --scores-json b.json --scores c.json\n"
    )
    assert stage_path("--scores", tmp_path) == Path("c.json")
    (tmp_path / "dvc.yaml").write_text('{"stages": {"a": {"cmd": "python a --report r", "outs": ["r"]}}}')
    assert stage_path("--report", tmp_path) == Path("r")


@pytest.mark.parametrize(("text", "got"), [(None, "no file"), ("stages: {}\n", "none")])
def test_a_path_that_is_not_there(tmp_path, text, got):
    if text:
        (tmp_path / "dvc.yaml").write_text(text)
    with pytest.raises(InputError) as refused:
        stage_path("--model", tmp_path)
    assert (refused.value.file, refused.value.got) == (str(tmp_path / "dvc.yaml"), got)


def test_the_projects_own(root):
    for flag in ("--model", "--scores", "--report", "--per-class"):
        assert str(stage_path(flag)) in (root / "dvc.yaml").read_text()
