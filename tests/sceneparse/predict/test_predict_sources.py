"""Inputs of `sceneparse predict`, and the names of its outputs."""

import os
from collections import Counter
from pathlib import Path

import pytest
from command import sceneparse
from mask_folders import write

from sceneparse.core.errors import InputError
from sceneparse.predict.inputs import Refused, Source, find_sources, read_source
from sceneparse.predict.outputs import check_targets, target_files


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The current folder, with files that are looked for and files that are not."""
    photos = ("b.JPG", "a.png", "summer/a.webp", "summer/deep/c.tiff")
    others = ("notes.txt", "film.mp4", ".hidden.jpg", ".cache/d.jpg")
    for name in (*(f"photos/{name}" for name in (*photos, *others)), "other/a.png", "top.gif"):
        write(tmp_path / name, "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(tree, *arguments, out="out"):
    """Names and stems, or what was refused."""
    sources = find_sources(arguments, tree / out)
    return {source.name: "refused" if isinstance(source, Refused) else str(source.stem) for source in sources}


def test_pictures_that_cannot_be_read_are_counted(tree):
    for name in ("photos/a.HEIC", "photos/summer/b.heic", "photos/summer/c.nef", "photos/.d.heic"):
        (tree / name).touch()
    ignored = Counter()
    sources = find_sources(["photos", "photos/a.HEIC"], tree / "out", ignored)
    assert ignored == {".heic": 2, ".nef": 1}
    assert [source.name for source in sources if source.name.endswith("HEIC")] == ["photos/a.HEIC"], "named: tried"
    (tree / "phone").mkdir()
    (tree / "phone/e.heic").touch()
    (refused,) = find_sources(["phone"], tree / "out")
    assert "1 x *.heic, which are not read: save them as JPEG" in str(refused.error)


def test_a_folder_is_searched_with_all_below_it_and_its_tree_mirrored(tree):
    assert found(tree, "photos") == {
        "photos/a.png": "a",
        "photos/b.JPG": "b",
        "photos/summer/a.webp": "summer/a",
        "photos/summer/deep/c.tiff": "summer/deep/c",
    }
    assert list(found(tree, "photos")) == sorted(found(tree, "photos")), "in order"
    (tree / "photos/a.gif").touch()
    names = {name: stem for name, stem in found(tree, "photos").items() if name.startswith("photos/a")}
    assert names == {"photos/a.gif": "a.gif", "photos/a.png": "a.png"}, "suffixes where they alone differ"


def test_links_to_folders_are_followed_once(tree):
    (tree / "photos/year").symlink_to(tree / "other")
    (tree / "photos/again").symlink_to(tree / "photos/summer")
    (tree / "photos/summer/up").symlink_to(tree)
    (tree / "photos/self").symlink_to("self")
    results = tree / "results"
    results.mkdir()
    (results / "old.png").touch()
    (tree / "photos/made").symlink_to(results)
    (tree / "linked").symlink_to(tree / "photos")
    expected = {"a.png": "a", "b.JPG": "b", "summer/a.webp": "summer/a", "summer/deep/c.tiff": "summer/deep/c"}
    expected["year/a.png"] = "year/a"
    for name in ("photos", "linked"):
        assert found(tree, name, out="results") == {f"{name}/{path}": stem for path, stem in expected.items()}


def test_a_file_is_named_by_itself(tree):
    assert found(tree, "photos/summer/deep/c.tiff") == {"photos/summer/deep/c.tiff": "c"}
    assert found(tree, "photos/a.png", "photos/b.JPG") == {"photos/a.png": "a", "photos/b.JPG": "b"}
    assert found(tree, "photos/notes.txt") == {"photos/notes.txt": "notes"}, "whatever its end, as it was asked for"


def test_files_of_one_name_keep_their_folders(tree):
    """Below the deepest folder that holds all that was named."""
    assert found(tree, "photos/a.png", "other/a.png") == {"photos/a.png": "photos/a", "other/a.png": "other/a"}
    assert set(found(tree, "photos", "other").values()) >= {"photos/a", "photos/summer/a", "other/a"}
    assert found(tree, "photos/summer", "photos/a.png")["photos/summer/a.webp"] == "summer/a"
    absolute = tree / "other/../photos/a.png"
    assert found(tree, absolute.as_posix(), "other/a.png")[str(absolute)] == "photos/a"


def test_what_is_named_twice_is_labelled_once(tree):
    assert len(found(tree, "photos", "photos/a.png", "./photos/../photos/b.JPG", "photos/*.png")) == 4


def test_globs_that_the_shell_left_alone(tree):
    assert set(found(tree, "photos/*.[jp][pn]g")) == {"photos/a.png"}
    assert set(found(tree, "**/a.*")) == {"other/a.png", "photos/a.png", "photos/summer/a.webp"}
    assert set(found(tree, "photos/s*")) == {"photos/summer/a.webp", "photos/summer/deep/c.tiff"}, (
        "a folder matches too"
    )
    (tree / "odd[1].png").touch()
    assert found(tree, "odd[1].png") == {"odd[1].png": "odd[1]"}, "a name, not a pattern"


def test_a_name_that_begins_with_a_tilde(tree, monkeypatch):
    """A file there comes before a home, and there may be no such user."""
    monkeypatch.setenv("HOME", str(tree / "home"))
    for name in ("~", "~nobody-here.png", "home/pic.png"):
        write(tree / name, "")
    monkeypatch.chdir(tree)
    assert [source.name for source in find_sources(["~nobody-here.png"], tree / "out")] == ["~nobody-here.png"]
    assert [source.name for source in find_sources(["~/pic.png"], tree / "out")] == [str(tree / "home/pic.png")]
    (refused,) = find_sources(["~no-such-user/x.png"], tree / "out")
    assert isinstance(refused, Refused)


def test_videos_are_taken_where_they_are_named(tree):
    (source,) = find_sources(["photos/film.mp4"], tree / "out")
    assert source == Source("photos/film.mp4", "video", Path("film"))
    for confidence in (False, True):
        assert {kind: path.name for kind, path in target_files(source, tree, confidence).items()} == {
            "overlay": "film_overlay.mp4",
            "legend": "film_legend.png",
        }


def test_results_within_a_folder_are_no_pictures(tree):
    (tree / "photos/out").mkdir()
    (tree / "photos/out/a.png").touch()
    assert "photos/out/a.png" not in found(tree, "photos", out="photos/out")
    assert "photos/out/a.png" in found(tree, "photos")


@pytest.mark.parametrize(
    "argument",
    ["absent.jpg", "*.bmp", "empty", "pipe", "link.jpg", "", "ftp://host/a.jpg", "http://[host/", "http:///a.jpg"],
)
def test_what_names_nothing_is_refused_alone(tree, argument):
    (tree / "empty").mkdir()
    os.mkfifo(tree / "pipe")
    (tree / "link.jpg").symlink_to("nowhere")
    assert found(tree, argument, "top.gif") == {argument: "refused", "top.gif": "top"}


@pytest.mark.parametrize(
    ("address", "stem"),
    [
        ("https://host/a/street.jpg?size=9#top", "street"),
        ("HTTP://host/..%2F..%2Fetc%2Fstreet.tar.jpg", "street.tar"),
        ("http://host/%00a%0Ab.png", "ab"),
        ("http://host/image", "image"),
        ("http://host:80/", "host"),
        ("http://host/a/..", "host"),
        ("http://host/a/%2e%2e", "host"),
    ],
)
def test_an_address_names_a_file_and_no_folder(tree, address, stem):
    assert found(tree, address) == {address: stem}


def test_a_link_that_leads_nowhere_keeps_its_folder_from_nothing(tree):
    """A picture that is none is refused when it is read."""
    (tree / "photos/z.jpg").symlink_to("nowhere")
    out = tree / "out"
    sources = find_sources(["photos"], out)
    check_targets(sources, out)
    (link,) = (source for source in sources if source.name == "photos/z.jpg")
    with pytest.raises(InputError, match=r"No such file[\s\S]*z\.jpg"):
        read_source(link)


def test_a_folder_that_may_not_be_opened_is_told(tree, unprivileged):
    closed = tree / "photos/summer"
    closed.chmod(0)
    try:
        done = sceneparse("predict", "photos/s*", cwd=tree, before=unprivileged)
    finally:
        closed.chmod(0o755)
    assert done.returncode == 1
    assert done.stderr.count("Permission denied: 'photos/summer'") == 1


@pytest.mark.parametrize(
    ("names", "clash"),
    [
        (["x.jpg", "x.png", "x.jpg.gif"], "x.jpg.png would come from both"),
        (["x.jpg", "x_legend.jpg"], "x_legend.png would come from both"),
        (["x.jpg", "http://host/x.jpg"], "x.png would come from both"),
        (["http://one/x.jpg", "http://two/x.jpg"], "x.png would come from both"),
    ],
)
def test_a_clash_is_refused_before_any_work(tree, names, clash):
    for name in names:
        if "://" not in name:
            (tree / name).touch()
    out = tree / "out"
    with pytest.raises(InputError, match=clash):
        check_targets(find_sources(names, out), out)
    assert not out.exists()


def test_results_beside_their_pictures_may_not_become_pictures(tree):
    """Labelled in place, JPEGs would work; what an earlier run wrote there would be labelled the next time."""
    for name in ("in/x.jpg", "in/x_overlay.jpg"):
        write(tree / name, "")
    with pytest.raises(InputError, match=r"x_overlay\.jpg is .*x_overlay\.jpg itself"):
        check_targets(find_sources(["in"], tree / "in"), tree / "in")
