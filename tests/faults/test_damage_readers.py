"""Damaged and odd datasets, tables and records: nothing is dropped in silence, and errors name what the user gave."""

import os
import shutil
import zipfile

import numpy as np
import pytest
from datasets import class_table, demo_params, write_archive
from mask_folders import converted, drawn, photo, refused, save
from PIL import Image

from sceneparse.convert.inspection import inspect
from sceneparse.core.errors import InputError
from sceneparse.core.files import file_digest
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.class_table import parse_class_table, scan_class_table
from sceneparse.dataset.layout import CLASS_TABLE, SPLITS
from sceneparse.records.manifest import MANIFEST, RERUN, Manifest, Shard, Split, open_records
from sceneparse.records.tfrecord import frame
from stages.download.stage import download, pack
from stages.prepare.stage import prepare

FLIPS = 300


def obtain(folder, source):
    """Run the download stage on a source."""
    params = demo_params(download={"source": str(source)})
    download(params, cache=folder / "cache", dataset=folder / "raw/dataset.zip")


def unpacked(path, folder):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


# --- two datasets in one


@pytest.fixture
def two(tmp_path):
    """Return a function that writes two trees into one zip, of which `tables` have a class table; the zip's path."""

    def write(*tables, roots=("A", "B")):
        path = tmp_path / "two.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for number, root in enumerate(roots):
                write_archive(tmp_path / "one.zip", seed=number, training=2, validation=1, root=root)
                with zipfile.ZipFile(tmp_path / "one.zip") as one:
                    for name in one.namelist():
                        if CLASS_TABLE not in name or root in tables:
                            archive.writestr(name, one.read(name))
        return path

    return write


@pytest.mark.parametrize(("tables", "named"), [(("A",), "B/"), (("B",), "A/")])
@pytest.mark.parametrize("form", ["zip", "directory"])
def test_a_second_tree_is_refused_by_name(tmp_path, two, tables, named, form):
    path = two(*tables) if form == "zip" else unpacked(two(*tables), tmp_path / "two")
    with pytest.raises(InputError, match="outside of the folder") as refusal:
        Archive(path)
    assert refusal.value.got == f"{tables[0]}/{CLASS_TABLE}, and pictures in {named}"
    with pytest.raises(InputError, match="outside of the folder") as refusal:
        obtain(tmp_path, path)
    assert refusal.value.file == str(path)
    assert inspect(path, 1).of_severity(error=True)["trees"] == [("trees", named, "")]
    with pytest.raises(InputError):
        prepare(demo_params(prepare={"size": 64}), path, tmp_path / "records") if form == "zip" else pack(path, path)


def test_trees_inside_each_other(two):
    path = two("", roots=("", "copy"))
    assert [finding.where for finding in inspect(path, 1).findings if finding.kind == "trees"] == ["copy/"]
    path = two("copy", roots=("", "copy"))
    assert [finding.where for finding in inspect(path, 1).findings if finding.kind == "trees"] == ["./"]


def test_two_tables_are_still_too_many(two):
    report = inspect(two("A", "B"), 1)
    assert {"class_table", "trees"} <= {finding.kind for finding in report.findings}


# --- quotation marks in tables


@pytest.mark.parametrize("name", ['"Stop" sign', '"sky', '"', '"a" "b"'])
@pytest.mark.parametrize("row", [1, 2, 3])
def test_a_quotation_mark_does_not_swallow_rows(name, row):
    names = ["sky", "road", "tree"]
    names[row - 1] = name
    problems = scan_class_table(class_table(tuple(names)))[1]
    assert len(problems) == 1
    assert f"row {row + 1}" in problems[0]
    assert '"""Stop"" sign"' in problems[0], "says how to write it"


@pytest.mark.parametrize(
    ("cell", "name"),
    [('"""Stop"" sign"', '"Stop" sign'), ('"sky"', "sky"), ('5" pipe', '5" pipe'), ('"a, b"', "a"), ("'a'", "'a'")],
)
def test_quotation_marks_as_csv_has_them(cell, name):
    assert parse_class_table(class_table(("x", cell, "y")), "table") == ("x", name, "y")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_convert_names_the_row_whose_quotation_marks_do_not_pair(tmp_path, monkeypatch, delimiter):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        save(tmp_path / f"pictures/{name}.png", photo(0))
        save(tmp_path / f"masks/{name}.png", Image.fromarray(drawn(ord(name), [1, 2, 3])))
    rows = [("name", "value"), ('"Stop" sign', "1"), ("sky", "2"), ('"tree', "3")]
    table, line = tmp_path / "classes.csv", "pictures masks --classes classes.csv --share 0.5 --out set.zip"
    table.write_text("\n".join(delimiter.join(row) for row in rows))
    error = refused(line, file="classes.csv")
    assert "row 2: " in error.got
    assert "row 4: " in error.got
    assert "row 3" not in error.got
    rows[1], rows[3] = ('"""Stop"" sign"', "1"), ('"""tree"', "3")
    table.write_text("\n".join(delimiter.join(row) for row in rows))
    with Archive(converted(line)) as archive:
        assert archive.classes == ('"Stop" sign', "sky", '"tree')


# --- flipped bits


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder, splits = tmp_path_factory.mktemp("records"), {}
    for name, ids in (("training", ("a", "b", "ä")), ("validation", ("d",))):
        path = folder / f"{name}-00000-of-00001.tfrecord"
        path.write_bytes(frame(b"an example") * len(ids))
        splits[name] = Split(ids, (5, 40, 0), (Shard(path.name, len(ids), file_digest(path)),))
    Manifest(("sky", "Bäume"), 64, "squash", "bilinear", **splits, colours=("#87ceeb", "")).save(folder)
    return folder


def flipped(content, seed):
    changed = bytearray(content)
    bit = int(np.random.default_rng(seed).integers(8 * len(content)))
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_flipped_bit_of_a_manifest_is_found(tmp_path, records):
    folder = shutil.copytree(records, tmp_path / "records")
    content = (folder / MANIFEST).read_bytes()
    assert open_records(folder)
    for seed in range(FLIPS):
        (folder / MANIFEST).write_bytes(flipped(content, seed))
        with pytest.raises(InputError, match="no valid manifest") as refusal:
            open_records(folder)
        assert "sceneparse verify --remove" in refusal.value.next_step


@pytest.mark.parametrize("change", [(b'"digest"', b'"Digest"'), (b"  ", b"\t"), (b"\n", b"\r\n"), (b": 64", b": 64.0")])
def test_a_manifest_that_reads_the_same_but_is_another_is_refused(tmp_path, records, change):
    folder = shutil.copytree(records, tmp_path / "records")
    content = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_bytes(content[::-1].replace(change[0][::-1], change[1][::-1], 1)[::-1])
    assert (folder / MANIFEST).read_bytes() != content
    with pytest.raises(InputError, match="no valid manifest"):
        open_records(folder)


def test_records_of_an_earlier_version_say_what_to_do(tmp_path, records):
    folder = shutil.copytree(records, tmp_path / "records")
    lines = (folder / MANIFEST).read_text().splitlines()
    (folder / MANIFEST).write_text("\n".join([*lines[:-3], lines[-3].rstrip(","), "}"]) + "\n")
    assert "digest" not in lines[-3]
    with pytest.raises(InputError) as refusal:
        open_records(folder)
    assert refusal.value.got.startswith("no digest of itself: another version of this project wrote it")
    assert refusal.value.next_step == RERUN


def test_a_flipped_bit_of_a_zip_is_found_or_changes_nothing(tmp_path):
    """Dates and rights of members, and what the zip says twice, mean nothing here."""
    path = tmp_path / "dataset.zip"
    write_archive(path, training=2, validation=1, sides=(20, 30))

    def everything():
        with Archive(path) as archive:
            pairs = [pair for split in SPLITS for pair in archive.pairs(split)]
            return archive.classes, [(pair, archive.read(pair.image), archive.read(pair.annotation)) for pair in pairs]

    whole, content, found = everything(), path.read_bytes(), 0
    for seed in range(FLIPS // 2):
        path.write_bytes(flipped(content, seed))
        try:
            assert everything() == whole
        except InputError:
            found += 1
    assert found > FLIPS / 4


# --- errors name what the user gave


def test_an_invalid_source_is_named_not_its_copy(tmp_path):
    for number, content in enumerate((b"no zip", None, b"Idx\tName\n1\t\n")):
        source = tmp_path / f"{number}.zip"
        source.write_bytes(content or b"")
        if number:
            changes = {CLASS_TABLE: lambda _, content=content: content}
            write_archive(source, changes=changes, root="")
        with pytest.raises(InputError) as refusal:
            obtain(tmp_path, source)
        assert refusal.value.file in (str(source), f"{source}:{CLASS_TABLE}")
        assert "raw" not in str(refusal.value)
        assert not (tmp_path / "raw/dataset.zip").exists()


def test_a_name_that_no_zip_can_hold_is_named_by_its_file(tmp_path):
    write_archive(tmp_path / "dataset.zip", root="")
    folder = unpacked(tmp_path / "dataset.zip", tmp_path / "set")
    odd = os.fsdecode(b"\xff")
    for kind, suffix in (("images", "jpg"), ("annotations", "png")):
        place = folder / kind / "training"
        (place / f"training_0000.{suffix}").rename(place / f"{odd}.{suffix}")
    with pytest.raises(InputError, match="not valid UTF-8") as refusal:
        obtain(tmp_path, folder)
    assert refusal.value.file == str(folder / f"annotations/training/{odd}.png")
    assert "partial" not in str(refusal.value)
