"""Stage download: every kind of source becomes a valid archive, or none."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from datasets import demo_params
from servers import serving

from sceneparse.core.errors import InputError
from sceneparse.core.files import file_digest
from sceneparse.dataset.archive import Archive
from stages.download.stage import download, pack

TABLE = "Idx\tRatio\tTrain\tVal\tStuff\tName\n1\t0.5\t2\t1\t1\twall\n2\t0.5\t2\t1\t1\tsky, heaven\n"
MEMBERS = {
    "objectInfo150.txt": TABLE.encode(),
    "sceneCategories.txt": b"a street\nb street\nc beach\n",
    "images/training/a.jpg": b"picture a",
    "images/training/b.JPG": b"picture b",
    "images/validation/c.jpg": b"picture c",
    "annotations/training/a.png": b"annotation a",
    "annotations/training/b.png": b"annotation b",
    "annotations/validation/c.png": b"annotation c",
}


@pytest.fixture
def obtain(tmp_path):
    """Return a function that runs the stage on a source and returns the path of the zip."""

    def run(source: object, **section: object) -> Path:
        target = tmp_path / "raw" / "dataset.zip"
        params = demo_params(download={"source": str(source), **section})
        download(params, cache=tmp_path / "cache", dataset=target)
        return target

    return run


def lay_out(folder: Path, names=tuple(MEMBERS)) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MEMBERS[name])
    return folder


def zipped(path: Path, names=tuple(MEMBERS), root: str = "Any2016/") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(root + name, MEMBERS[name])
    return path


def test_directory_packs_to_the_same_bytes_whatever_its_dates_order_and_clutter(tmp_path):
    once, again = lay_out(tmp_path / "once" / "Any2016").parent, tmp_path / "again"
    lay_out(again / "Any2016", reversed(MEMBERS))
    for name in MEMBERS:
        os.utime(again / "Any2016" / name, (0, 2**31))
        (again / "Any2016" / name).chmod(0o600)
    for name in ("images/training/.DS_Store", "images/training/Thumbs.db", "notes.txt", "images/test/d.jpg"):
        path = again / "Any2016" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"clutter")
    for folder in (once, again):
        pack(folder, folder.with_suffix(".zip"))
    assert once.with_suffix(".zip").read_bytes() == again.with_suffix(".zip").read_bytes()
    with zipfile.ZipFile(once.with_suffix(".zip")) as packed:
        entries = packed.infolist()
        assert [entry.filename for entry in entries] == sorted(f"Any2016/{name}" for name in MEMBERS)
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
        assert {entry.filename: packed.read(entry) for entry in entries} == {
            f"Any2016/{name}": content for name, content in MEMBERS.items()
        }


@pytest.mark.parametrize("below", ["", "Any2016"])
def test_directory_becomes_an_archive(obtain, tmp_path, below, capsys):
    folder = tmp_path / "my set"
    lay_out(folder / below)
    target = obtain(folder)
    assert "2 training and 1 validation pairs, 2 classes" in capsys.readouterr().out
    with Archive(target) as archive:
        assert [archive.read(pair.image) for pair in archive.pairs("training")] == [b"picture a", b"picture b"]
        assert archive.classes == ("wall", "sky")
        assert archive.scenes()["c"] == "beach"


def test_pictures_of_a_directory_that_are_not_read_are_counted(obtain, tmp_path, capsys):
    folder = lay_out(tmp_path / "set")
    obtain(folder)
    assert "ignored" not in capsys.readouterr().out
    for name in ("x.heic", "y.HEIC", "z.psd", "notes.txt"):
        (folder / "images/training" / name).write_bytes(b"")
    obtain(folder)
    assert "ignored, as only .jpg, .jpeg and .png are read: 2 x *.heic, 1 x *.psd\n" in capsys.readouterr().out


def test_digest_of_a_directory_is_that_of_its_zip(obtain, tmp_path):
    folder = lay_out(tmp_path / "set")
    digest = file_digest(obtain(folder))
    assert file_digest(obtain(folder, digest=digest)) == digest
    (folder / "images/training/a.jpg").write_bytes(b"picture A")
    with pytest.raises(InputError, match=digest):
        obtain(folder, digest=digest)
    assert list((tmp_path / "raw").iterdir()) == []


def test_zip_by_path(obtain, tmp_path, capsys):
    source = zipped(tmp_path / "source.zip")
    target = obtain(source)
    assert target.read_bytes() == source.read_bytes()
    assert "2 training and 1 validation pairs, 2 classes" in capsys.readouterr().out


def test_zip_by_url(obtain, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    content = zipped(tmp_path / "source.zip").read_bytes()
    digest, source = f"sha256:{hashlib.sha256(content).hexdigest()}", tmp_path / "mine.yaml"
    with serving(content) as served:
        source.write_text(f"url: {served.url}\ndigest:\n")
        with pytest.raises(InputError, match=digest) as refused:
            obtain(source)
        assert refused.value.expected == f"a digest in {source}"
        source.write_text(f"url: {served.url}\ndigest: {digest}\nsize_bytes: {len(content)}\n")
        target = obtain(source)
        assert len(served.log) == 1
        with pytest.raises(InputError, match=r"download\.digest of params\.yaml"):
            obtain(source, digest=f"md5:{'0' * 32}")
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("draw: scenes", "draw: Input should be 'demo' (found 'scenes')"),
        ("draw: demo\ncount: 3", "count: Extra inputs are not permitted"),
        ("url: ftp://host/x.zip", "http:// or https://"),
        ("url: file:///data/x.zip", "name its path in params.yaml"),
        ("url: https://host/x.zip\ndigest: sha256:12", "algorithm:hex"),
        ("url: https://host/x.zip\nsize_bytes: 0\nmd5: 12", "size_bytes: Input should be greater"),
        ("weights: none", "a file with the key draw or url"),
        ("", "none"),
        ("[1, 2]", "none"),
        ("url: [", "a YAML file"),
        (None, "No such file"),
    ],
)
def test_a_source_file_that_cannot_be_used(obtain, tmp_path, content, named):
    source = tmp_path / "mine.yaml"
    if content is not None:
        source.write_text(content)
    with pytest.raises(InputError) as refused:
        obtain(source)
    assert named in refused.value.expected + refused.value.got
    assert refused.value.file == str(source)


@pytest.mark.parametrize(
    ("lacking", "form"), [("objectInfo150.txt", "zip"), ("annotations/training/b.png", "directory")]
)
def test_invalid_layout_leaves_no_archive(obtain, tmp_path, lacking, form):
    names = [name for name in MEMBERS if name != lacking]
    source = zipped(tmp_path / "source.zip", names) if form == "zip" else lay_out(tmp_path / "set", names)
    with pytest.raises(InputError):
        obtain(source)
    assert not list(tmp_path.glob("raw/*"))
    assert source.exists()


def test_source_that_cannot_be_had_leaves_what_was_there(obtain, tmp_path):
    target = obtain(zipped(tmp_path / "source.zip"))
    with pytest.raises(InputError, match="No such file"):
        obtain(tmp_path / "absent.zip")
    assert target.exists()


def test_demo(obtain, capsys):
    demo = {"training": 2, "validation": 1}
    target = obtain("sources/demo.yaml", demo=demo)
    assert "2 training and 1 validation pairs" in capsys.readouterr().out
    digest = file_digest(target)
    assert file_digest(obtain("sources/demo.yaml", demo=demo, digest=digest)) == digest
