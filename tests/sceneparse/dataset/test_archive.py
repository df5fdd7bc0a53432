"""Archive reader: pairs and classes of any zip in the layout, and clear errors for all others."""

import unicodedata
import zipfile
from pathlib import PurePosixPath

import datasets
import pytest

from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import Archive, Pair
from sceneparse.dataset.dataset_folder import dataset_files
from sceneparse.dataset.layout import CLASS_TABLE, SCENES


@pytest.fixture
def archive(tmp_path):
    """Return a function that writes an archive (arguments of datasets.write_archive) and opens it."""
    path = tmp_path / "dataset.zip"

    def open_archive(**arguments):
        datasets.write_archive(path, **{"training": 3, "validation": 1, **arguments})
        return Archive(path)

    return open_archive


def left_out(_):
    return None


@pytest.mark.parametrize("root", ["", "ADEChallengeData2016", "any name/below another"])
def test_pairs_in_order_below_any_folder(archive, root):
    with archive(root=root) as opened:
        below = f"{root}/" if root else ""
        assert opened.pairs("training") == tuple(
            Pair(id, f"{below}images/training/{id}.jpg", f"{below}annotations/training/{id}.png")
            for id in ("training_0000", "training_0001", "training_0002")
        )
        assert [pair.id for pair in opened.pairs("validation")] == ["validation_0000"]
        assert opened.classes == ("sky", "road", "tree")
        assert opened.read(opened.pairs("training")[0].image)[:2] == b"\xff\xd8"
        assert opened.read(opened.pairs("training")[0].annotation)[1:4] == b"PNG"


def test_order_is_that_of_ids_not_of_members(archive):
    first = "images/training/training_0000.jpg"
    with archive(changes={first: left_out}, extra={first: b""}) as opened:
        assert opened.members[-1].endswith(first)
        assert [pair.id[-1] for pair in opened.pairs("training")] == ["0", "1", "2"]


def test_pictures_may_be_png_and_suffixes_in_capitals(archive):
    names = ["images/training/a.PNG", "images/training/b.JPEG", "images/training/Thumbs.db"]
    names += ["annotations/training/a.PNG", "annotations/training/b.png", "annotations/training/notes.txt"]
    with archive(extra=dict.fromkeys(names, b"")) as opened:
        assert [pair.id for pair in opened.pairs("training")][:2] == ["a", "b"]
        assert len(opened.pairs("training")) == 5


def test_every_picture_without_a_partner_is_named(archive):
    missing = ("images/training/training_0001.jpg", "annotations/training/training_0002.png")
    with archive(changes=dict.fromkeys(missing, left_out), extra={"images/training/zebra.jpg": b""}) as opened:
        with pytest.raises(InputError, match="the training split") as refused:
            opened.pairs("training")
        assert refused.value.got.endswith("partner: training_0001, training_0002, zebra")
        assert refused.value.file == str(opened.path)
        assert len(opened.pairs("validation")) == 1


def test_an_empty_split_is_refused(archive):
    with archive(validation=0) as opened, pytest.raises(InputError, match="0 images, 0 annotations"):
        opened.pairs("validation")


def zip_of_windows(path, members):
    """Write a zip like .NET before 4.6.1: names with backslashes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            information = zipfile.ZipInfo(name.replace("/", "\\"))
            information.create_system = 0
            archive.writestr(information, content)


def test_a_zip_with_backslashes(archive, tmp_path):
    with archive(root="my scenes", extra={"my scenes/images/": b""}) as opened:
        members = {name: opened.read(name) for name in opened.members}
        expected = opened.pairs("training")
    path = tmp_path / "windows.zip"
    zip_of_windows(path, members)
    assert rb"my scenes\images\training\training_0000.jpg" in path.read_bytes()
    with Archive(path) as opened:
        assert opened.pairs("training") == expected
        for pair in expected:
            assert opened.read(pair.image) == members[pair.image]
            assert opened.read(pair.annotation) == members[pair.annotation]


def test_backslashes_lead_nowhere(archive, tmp_path):
    """Names only select members: an ID never contains a folder, and nothing is written."""
    with archive(root="") as opened:
        members = {f"../../{name}": opened.read(name) for name in opened.members}
    members["../../images/training/../../../../evil.jpg"] = b""
    path = tmp_path / "windows.zip"
    zip_of_windows(path, members)
    before = sorted(tmp_path.rglob("*"))
    with Archive(path) as opened:
        ids = [pair.id for split in (opened.split("training"), opened.split("validation")) for pair in split.pairs]
        alone = opened.split("training").images_alone
        assert opened.read(opened.split("training").pairs[0].image)[:2] == b"\xff\xd8"
    assert ids == ["training_0000", "training_0001", "training_0002", "validation_0000"]
    assert [PurePosixPath(name).stem for name in alone] == ["evil"]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", ["zip", "directory"])
def test_hidden_files_and_folders_are_no_part(archive, tmp_path, kind):
    """Neither a user's own nor what macOS adds: no picture, and no second class table."""
    names = ["images/training/._training_0000.jpg", "images/training/.hidden.jpg"]
    names += [f".Trash/{CLASS_TABLE}", ".Trash/images/training/a.jpg"]
    names += [f"__MACOSX/._{CLASS_TABLE}", "__MACOSX/images/training/._a.jpg"]
    with archive(root="", extra=dict.fromkeys(names, b"")) as opened:
        path = opened.path
    if kind == "directory":
        path = tmp_path / "unpacked"
        with zipfile.ZipFile(tmp_path / "dataset.zip") as packed:
            packed.extractall(path)
    with Archive(path) as opened:
        assert [pair.id for pair in opened.pairs("training")] == ["training_0000", "training_0001", "training_0002"]


def test_accents_written_in_two_ways_are_one_name(archive):
    extra = {
        unicodedata.normalize("NFD", "images/training/Zürich.jpg"): b"picture",
        unicodedata.normalize("NFC", "annotations/training/Zürich.png"): b"mask",
        SCENES: unicodedata.normalize("NFD", "Zürich street\n").encode(),
    }
    with archive(extra=extra) as opened:
        pair = opened.pairs("training")[0]
        assert (pair.id, opened.read(pair.image), opened.read(pair.annotation)) == ("Zürich", b"picture", b"mask")
        assert opened.scenes() == {"Zürich": "street"}


@pytest.mark.parametrize("kind", ["images/training/{}.png", "annotations/training/{}.PNG"])
def test_two_pictures_of_one_id_are_refused(archive, kind):
    with (
        archive(extra={kind.format("training_0001"): b""}) as opened,
        pytest.raises(InputError, match=r"same id as another file: .*training_0001"),
    ):
        opened.pairs("training")


@pytest.mark.parametrize(("count", "extra"), [(0, {}), (2, {f"{name}/{CLASS_TABLE}": b"" for name in "ab"})])
def test_another_number_of_class_tables(archive, count, extra):
    with pytest.raises(InputError, match=f"{count} of them"):
        archive(changes={CLASS_TABLE: left_out}, extra=extra)


@pytest.mark.parametrize("content", [b"", b"<html>", None], ids=["empty", "page", "cut off"])
def test_no_whole_zip(archive, content):
    with archive() as opened:
        path = opened.path
    path.write_bytes(path.read_bytes()[:-300] if content is None else content)
    with pytest.raises(InputError, match="cannot be opened") as refused:
        Archive(path)
    assert refused.value.file == str(path)


@pytest.mark.parametrize("opened_by", [Archive, dataset_files])
def test_what_is_not_there(tmp_path, opened_by):
    with pytest.raises(InputError, match="No such file"):
        opened_by(tmp_path / "dataset")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("place", [0, 0.02, 0.5, 0.98])
def test_a_damaged_member_is_named(archive, compression, place):
    with archive(compression=compression) as opened:
        member, path = opened.pairs("training")[1].image, opened.path
    with zipfile.ZipFile(path) as packed:
        information = packed.getinfo(member)
    content = bytearray(path.read_bytes())
    begin = information.header_offset + 30 + len(member)
    content[begin + int(place * information.compress_size)] ^= 0x55
    path.write_bytes(content)
    with Archive(path) as opened:
        with pytest.raises(InputError, match=member):
            opened.read(member)
        assert opened.read(opened.pairs("training")[0].image)


def test_an_unknown_member_is_named(archive):
    with archive() as opened, pytest.raises(InputError, match="no such picture"):
        opened.read("no such picture")


def test_scenes(archive):
    content = b"training_0000 street\ntraining_0001 living room\n\nalone\nvalidation_0000 forest\r\n"
    named = {"training_0000": "street", "training_0001": "living room", "validation_0000": "forest"}
    for extra, expected in (({SCENES: content}, named), ({}, {})):
        with archive(extra=extra) as opened:
            assert opened.scenes() == expected


def test_scenes_of_ids_with_blanks_in_a_file_of_windows(archive):
    content = "\ufefftraining_0000 coast \r\nmy photo living room\r\nmy photo 2\tkitchen\r\n".encode()
    extra = {SCENES: content, "images/training/my photo.jpg": b"", "images/training/my photo 2.jpg": b""}
    with archive(extra=extra) as opened:
        assert opened.scenes() == {"training_0000": "coast", "my photo": "living room", "my photo 2": "kitchen"}
