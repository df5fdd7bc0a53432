"""Code of a stage: the files and folders that dvc.yaml lists for it."""

import shutil

import pytest

from sceneparse.core import stage_deps


@pytest.fixture
def clone(root, tmp_path, monkeypatch):
    """Return a copy of the code, which tests may change."""
    for name in ("sceneparse", "stages"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "dvc.yaml", tmp_path)
    monkeypatch.setattr(stage_deps, "ROOT", tmp_path)
    return tmp_path


def test_a_copy_elsewhere_is_the_same(clone, root, monkeypatch):
    copied = stage_deps.code_digest("train")
    monkeypatch.setattr(stage_deps, "ROOT", root)
    assert stage_deps.code_digest("train") == copied


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("stages/prepare/encode.py", {"prepare"}),
        ("stages/train/losses.py", {"train"}),
        ("sceneparse/network/layers.py", {"train"}),
        ("sceneparse/dataset/photos.py", {"prepare", "train"}),
        ("sceneparse/params/model.py", {"train"}),
        ("sceneparse/params/visualize.py", set()),
        ("stages/visualize/report.py", set()),
    ],
)
def test_a_changed_file_changes_the_stages_that_depend_on_it(clone, file, stages):
    before = {stage: stage_deps.code_digest(stage) for stage in ("prepare", "train")}
    (clone / file).write_text((clone / file).read_text() + "\n")
    assert {stage for stage, digest in before.items() if stage_deps.code_digest(stage) != digest} == stages


def test_a_renamed_file_is_a_change(clone):
    before = stage_deps.code_digest("train")
    (clone / "stages/train/losses.py").rename(clone / "stages/train/loss.py")
    assert stage_deps.code_digest("train") != before


def test_compiled_python_is_no_code(clone):
    before = stage_deps.code_digest("train")
    (clone / "stages/train/__pycache__").mkdir()
    (clone / "stages/train/__pycache__/losses.cpython-311.pyc").write_bytes(b"x")
    assert stage_deps.code_digest("train") == before
