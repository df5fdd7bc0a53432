"""Members of zips, read within bounds; tests/faults/test_hostile_archives.py sends bombs through the commands."""

import tracemalloc
import zipfile

import pytest
from bombs import stored, write_zip, zeros

from sceneparse.core.errors import InputError
from sceneparse.core.zip_reading import check_stored, read_member, zip_errors
from sceneparse.dataset.archive import Archive, Dataset
from sceneparse.dataset.layout import (
    ANNOTATION_BYTES,
    CLASS_TABLE,
    PICTURE_BYTES,
    SCENES,
    TABLE_BYTES,
    TEXT_BYTES,
    most_bytes,
)


@pytest.mark.parametrize(
    ("member", "most"),
    [
        ("set/images/training/a.jpg", PICTURE_BYTES),
        ("annotations/a.PNG", PICTURE_BYTES),
        ("annotations/images/training/a.PNG", PICTURE_BYTES),
        ("images/annotations/validation/a.PNG", ANNOTATION_BYTES),
        (f"set/{CLASS_TABLE}", TABLE_BYTES),
        (f"set/{SCENES}", TEXT_BYTES),
        ("list.txt", TEXT_BYTES),
    ],
)
def test_the_limit_of_each_kind(member, most):
    assert most_bytes(member) == most


@pytest.mark.parametrize("more", [0, 1])
def test_a_member_of_exactly_the_limit_is_read(tmp_path, more):
    content = bytes(TABLE_BYTES + more)
    write_zip(tmp_path / "set.zip", {CLASS_TABLE: stored(content)})
    with Dataset(tmp_path / "set.zip") as dataset:
        if not more:
            assert dataset.content(CLASS_TABLE) == content
            return
        with pytest.raises(ValueError, match="the limit is"):
            dataset.content(CLASS_TABLE)
    with pytest.raises(InputError, match="cannot read"):
        Archive(tmp_path / "set.zip")


@pytest.mark.parametrize("says", [0, 1, 5000, 100 << 20])
def test_no_more_is_inflated_than_a_header_says(tmp_path, says):
    path = write_zip(tmp_path / "lie.zip", {"a": zeros(100, says=says)})
    tracemalloc.start()
    with zipfile.ZipFile(path) as archive, pytest.raises(ValueError, match=r"CRC-32|the limit"):
        read_member(archive, "a", 1 << 20)
    assert tracemalloc.get_traced_memory()[1] < 3 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({6: 255}, "^zip file version"),
        ({8: 1}, "^File .* is encrypted"),
        ({10: 9}, "compressed by method 9"),
        ({16: 1}, "Bad CRC-32"),
        ({21: 255, 25: 255}, "EOFError"),  # longer than the file
        ({43: 255}, "."),  # lies elsewhere
        ({46: 0xFF}, "."),  # a name that is no UTF-8
    ],
)
def test_every_damage_is_one_kind_of_error(tmp_path, changes, said):
    """The numbers are places in a member's entry of the directory (APPNOTE 4.3.12)."""
    path = write_zip(tmp_path / "damaged.zip", {"a": stored(bytes(1000))})
    content = bytearray(path.read_bytes())
    for place, value in changes.items():
        content[content.index(b"PK\1\2") + place] = value
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said), zip_errors(), zipfile.ZipFile(path) as archive:
        read_member(archive, "a", 1 << 20)


def test_members_that_share_their_bytes_are_no_archive_of_ours(tmp_path):
    """A hundred names for one member would be read a hundred times."""
    path = tmp_path / "shared.npz"
    write_zip(path, {"a.npy": stored(bytes(10_000))})
    check_stored(path)
    content = path.read_bytes()
    place = content.index(b"PK\1\2")
    entry, ending = content[place : content.index(b"PK\5\6")], bytearray(content[content.index(b"PK\5\6") :])
    ending[8:16] = (100).to_bytes(2, "little") * 2 + (100 * len(entry)).to_bytes(4, "little")
    path.write_bytes(content[:place] + entry * 100 + ending)
    with pytest.raises(ValueError, match=r"the limit|[Oo]verlap"):
        check_stored(path)
