"""Files below a folder: through links, each folder once, without hidden ones."""

import pytest

from sceneparse.core.listing import files_below


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def listed(folder, **options):
    errors = []
    files = [path.relative_to(folder).as_posix() for path in files_below(folder, errors, **options)]
    return files, errors


def test_all_below_in_order_without_hidden_ones(tmp_path):
    make(tmp_path, "b/c/1", "b/0", "a", "._a", ".git/x", "b/.DS_Store")
    assert listed(tmp_path) == (["a", "b/0", "b/c/1"], [])


def test_a_folder_has_its_own_name_before_that_of_a_link(tmp_path):
    make(tmp_path, "in/z/1", "in/y/k/2", "far/3")
    (tmp_path / "in/a").symlink_to(tmp_path / "in/z")
    (tmp_path / "in/y/a").symlink_to(tmp_path / "far")
    (tmp_path / "in/b").symlink_to(tmp_path / "far")
    assert listed(tmp_path / "in") == (["b/3", "y/k/2", "z/1"], [])


@pytest.mark.parametrize("target", ["..", ".", "../..", "b", "a"])
def test_circles_end(tmp_path, target):
    make(tmp_path, "in/1", "in/b/2")
    (tmp_path / "in/a").symlink_to(target)
    (tmp_path / "in/b/back").symlink_to(tmp_path / "in")
    files, errors = listed(tmp_path / "in")
    assert (files, errors) == (["1", *(["a"] if target == "a" else []), "b/2"], [])


def test_links_that_lead_nowhere_are_files_and_closed_folders_errors(tmp_path):
    (tmp_path / "lost").symlink_to("nowhere")
    assert listed(tmp_path) == (["lost"], [])
    files, (error,) = listed(tmp_path / "absent")
    assert (files, error.filename) == ([], str(tmp_path / "absent"))


def test_a_folder_to_leave_is_left_under_every_name_but_the_top(tmp_path):
    make(tmp_path, "in/1", "in/out/2")
    (tmp_path / "in/link").symlink_to("out")
    assert listed(tmp_path / "in", leave=tmp_path / "in/out") == (["1"], [])
    assert listed(tmp_path / "in", leave=tmp_path / "in")[0] == ["1", "out/2"]
    assert listed(tmp_path / "in", leave=tmp_path / "absent")[0] == ["1", "out/2"]
