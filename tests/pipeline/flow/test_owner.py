"""The folder that a deployment belongs to, by its tag."""

import os
import socket
from urllib.parse import quote

import pytest

from pipeline.flow.owner import other, owner_tag


@pytest.fixture
def clones(tmp_path):
    """Two projects with names that a URL cannot hold as they are."""
    pair = [tmp_path / "a b%20#?", tmp_path / os.fsdecode(b"ros\xe9")]
    for clone in pair:
        (clone / ".dvc").mkdir(parents=True)
    return pair


def test_a_clone_keeps_its_deployment_from_all_others(clones):
    for mine, theirs in (clones, clones[::-1]):
        assert other(["of the user", owner_tag(mine)], mine) is None
        assert other(["of the user", owner_tag(theirs)], mine) == str(theirs)


def test_a_tag_can_be_sent_and_names_host_and_folder(clones):
    tag = owner_tag(clones[1])
    assert tag.isascii()
    assert tag == f"file://{quote(socket.gethostname())}{clones[1].parent}/ros%E9"


def test_a_deployment_of_no_clone_is_free(clones, tmp_path):
    assert other([], clones[0]) is None
    assert other(["of the user"], clones[0]) is None
    assert other([owner_tag(tmp_path / "gone")], clones[0]) is None
    assert other([owner_tag(tmp_path)], clones[0]) is None, "a folder that holds no project any more"


def test_another_path_to_the_same_clone(clones, tmp_path):
    (tmp_path / "link").symlink_to(clones[0])
    assert other([owner_tag(tmp_path / "link")], clones[0]) is None


def test_a_folder_of_another_host_may_exist_there(clones, tmp_path):
    elsewhere = f"file://elsewhere{tmp_path}/gone"
    assert other([elsewhere], clones[0]) == f"{tmp_path}/gone on elsewhere"
    assert other([f"file://container-2{quote(str(clones[0]))}"], clones[0]) is None, "the same folder, mounted there"
