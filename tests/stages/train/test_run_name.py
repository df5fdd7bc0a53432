"""Names of TensorBoard's runs: the date, the params that differ from the commit, and one folder for a resumed run."""

import re
import subprocess

import pytest

from stages.train.run_name import committed_params, name_differences, run_folder

DEFAULTS = {"epochs": 12, "learning_rate": 0.002, "augment.crop": None}
DATE = r"\d{4}-\d\d-\d\d \d\d\.\d\d"


@pytest.fixture
def commit(tmp_path, monkeypatch):
    """Commit a params.yaml in the current folder, which is below its repository's."""
    project = tmp_path / "repository/project"
    project.mkdir(parents=True)
    monkeypatch.chdir(project)

    def git(*words):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], check=True, capture_output=True)

    def commit(text):
        (project / "params.yaml").write_text(text)
        git("init", "-q", "..")
        git("add", ".")
        git("commit", "-qm", "params")
        (project / "params.yaml").write_text("no: matter")

    return commit


def test_a_name_has_the_date_and_what_differs_from_the_commit(commit, tmp_path):
    commit("train:\n  epochs: 40\n  augment:\n    crop: 64\nprepare:\n  learning_rate: 7\n")
    params = {"epochs": 40, "learning_rate": 0.0005, "augment.crop": None}
    folder = run_folder(tmp_path / "runs", tmp_path / "note", params, DEFAULTS)
    assert re.fullmatch(DATE + r" learning_rate=0\.0005 augment\.crop=null", folder.name)
    assert folder.parent == tmp_path / "runs"


def test_params_as_committed_leave_the_date_alone(commit, tmp_path):
    commit("train:\n  epochs: 40\n")
    folder = run_folder(tmp_path / "runs", tmp_path / "note", DEFAULTS | {"epochs": 40}, DEFAULTS)
    assert re.fullmatch(DATE, folder.name)


def test_a_run_keeps_its_folder_and_another_one_gets_its_own(tmp_path):
    first = run_folder(tmp_path / "runs", tmp_path / "first", DEFAULTS, DEFAULTS)
    first.mkdir(parents=True)
    assert run_folder(tmp_path / "runs", tmp_path / "first", DEFAULTS | {"epochs": 5}, DEFAULTS) == first
    assert run_folder(tmp_path / "runs", tmp_path / "second", DEFAULTS, DEFAULTS) != first, "in the same minute"


@pytest.mark.parametrize("text", ["train: [1\n", "- 1\n", "train: 3\nmodel:\n", "train: \x00", ""])
def test_a_committed_file_that_has_no_params_counts_as_none(commit, text):
    commit(text)
    assert committed_params() == {}


def test_without_git_or_a_commit_there_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert committed_params() == {}
    monkeypatch.setenv("PATH", "")
    assert committed_params() == {}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"start_from": "pretrained/first run.keras"}, "start_from=first_run.keras"),
        ({"start_from": "../../.."}, "start_from=.."),
        ({"start_from": "x" * 300}, f"start_from={'x' * 30}"),
        ({"start_from": "wälder\n\u202e.keras"}, "start_from=w_lder_.keras"),
        ({"flip": True, "scales": [1.0, 0.5]}, "flip=true scales=_1.0_0.5_"),
        (dict.fromkeys("abcdefg", 1), "a=1 b=1 c=1 d=1 and 3 more"),
    ],
)
def test_values_are_fit_for_a_path(params, expected):
    assert name_differences(params, {}) == expected
