"""sceneparse check: each thing that can be wrong with a dataset is found, all at once, and prepare agrees."""

import io
import json
import zipfile

import numpy as np
import pytest
from datasets import class_table, demo_params, encoded, write_archive
from photos import turned as exif_turn
from PIL import Image

from pipeline.cli.main import make_parser
from sceneparse.convert.check import check
from sceneparse.convert.findings import KINDS
from sceneparse.convert.inspection import inspect
from sceneparse.core.errors import InputError
from sceneparse.core.files import file_digest
from sceneparse.core.parallel import FEW
from sceneparse.dataset.archive import CLASS_TABLE, SCENES, SPLITS, Archive
from stages.download.stage import pack
from stages.prepare.encode import Work, encode_pairs, signature
from stages.prepare.stage import prepare

PICTURE = "images/training/training_0002.jpg"
ANNOTATION = "annotations/training/training_0002.png"


def left_out(_):
    return None


def repainted(function):
    """An annotation of other values."""

    def change(content):
        values = np.array(Image.open(io.BytesIO(content)))
        return encoded(Image.fromarray(function(values).astype(np.uint8)), "PNG")

    return change


def as_mode(mode, format="PNG", **options):
    return lambda content: encoded(Image.open(io.BytesIO(content)).convert(mode), format, **options)


def narrower(content):
    picture = Image.open(io.BytesIO(content))
    return encoded(picture.crop((0, 0, picture.width - 1, picture.height)), "PNG")


def turned(content):
    return as_mode("RGB", "JPEG", exif=exif_turn(3))(content)


def translucent(content):
    picture = Image.open(io.BytesIO(content))
    picture.putalpha(40)
    return encoded(picture, "PNG")


def twelve_bits(content):
    gray = np.asarray(Image.open(io.BytesIO(content)).convert("L"), int)
    return encoded(Image.fromarray((gray * 4095 // gray.max()).astype(np.uint16)), "PNG")


def all_annotations(function, splits=("training", "validation")):
    counts = {"training": 6, "validation": 3}
    return {
        f"annotations/{split}/{split}_{index:04d}.png": repainted(function)
        for split in splits
        for index in range(counts[split])
    }


def table(*rows):
    return lambda _: "\n".join(["Idx\tName", *rows]).encode()


EVERY = [f"annotations/{split}/{split}_0000.png" for split in ("training", "validation")]

ERRORS = {
    "no table": ({CLASS_TABLE: left_out}, {}, [("class_table", CLASS_TABLE, "there is none")]),
    "two tables": ({}, {f"x/{CLASS_TABLE}": b""}, [("class_table", CLASS_TABLE, "2 of them")]),
    "no column": ({CLASS_TABLE: lambda _: b"Idx,Name\n1,sky\n"}, {}, [("class_table", CLASS_TABLE, "Idx and Name")]),
    "bytes": ({CLASS_TABLE: lambda _: b"Idx\tName\n1\tB\xe4ume"}, {}, [("class_table", CLASS_TABLE, "not UTF-8")]),
    "every row": (
        {CLASS_TABLE: table("1\tsky", "x\troad", "4\t", "1\ttree")},
        {},
        [
            ("class_table", CLASS_TABLE, "row 3: Idx is 'x'"),
            ("class_table", CLASS_TABLE, "row 4: no name"),
            ("class_table", CLASS_TABLE, "occur twice: 1"),
            ("class_table", CLASS_TABLE, "left out: 2, 3"),
        ],
    ),
    "from 0": (
        {CLASS_TABLE: table("0\tsky", "1\troad", "2\ttree")},
        {},
        [("class_table", CLASS_TABLE, "left out: 3"), ("class_table", CLASS_TABLE, "outside 1..N: 0")],
    ),
    "order": ({CLASS_TABLE: table("2\tsky", "1\troad", "3\ttree")}, {}, [("class_table", CLASS_TABLE, "2, 1, 3")]),
    "alone": (
        {PICTURE: left_out, "annotations/validation/validation_0000.png": left_out},
        {},
        [("annotation_alone", ANNOTATION, ""), ("image_alone", "images/validation/validation_0000.jpg", "")],
    ),
    "double": (
        {},
        {"images/training/training_0001.png": b""},
        [
            ("doubles", "images/training/training_0001.jpg", ""),
            ("image_unreadable", "images/training/training_0001.png", ""),
        ],
    ),
    "scenes": ({}, {SCENES: b"a stra\xdfe"}, [("scenes", SCENES, "utf-8")]),
    "cut": ({PICTURE: lambda content: content[:-900]}, {}, [("image_unreadable", PICTURE, "truncated")]),
    "no picture": ({PICTURE: lambda _: b"<html>"}, {}, [("image_unreadable", PICTURE, "not a picture")]),
    "cut annotation": ({ANNOTATION: lambda content: content[:100]}, {}, [("annotation_unreadable", ANNOTATION, "")]),
    "no annotation": ({ANNOTATION: lambda _: b""}, {}, [("annotation_unreadable", ANNOTATION, "not a picture")]),
    "RGB": ({ANNOTATION: as_mode("RGB")}, {}, [("annotation_kind", ANNOTATION, "mode RGB")]),
    "palette": ({ANNOTATION: as_mode("P")}, {}, [("annotation_kind", ANNOTATION, "mode P")]),
    "16 bit": ({ANNOTATION: as_mode("I;16")}, {}, [("annotation_kind", ANNOTATION, "mode I;16")]),
    "JPEG": ({ANNOTATION: as_mode("L", "JPEG")}, {}, [("annotation_kind", ANNOTATION, "JPEG of mode L")]),
    "size": ({ANNOTATION: narrower}, {}, [("sizes", ANNOTATION, "but annotation")]),
    "kind and size": (
        {ANNOTATION: lambda content: as_mode("RGB")(narrower(content))},
        {},
        [("annotation_kind", ANNOTATION, "mode RGB"), ("sizes", ANNOTATION, "")],
    ),
    "both bad": (
        {PICTURE: lambda _: b"", ANNOTATION: as_mode("RGB")},
        {},
        [("image_unreadable", PICTURE, ""), ("annotation_kind", ANNOTATION, "")],
    ),
    "255": ({ANNOTATION: repainted(lambda v: np.where(v == 0, 255, v))}, {}, [("value_255", ANNOTATION, "% of its")]),
    "above": ({ANNOTATION: repainted(lambda v: v + 1)}, {}, [("values", ANNOTATION, "above 3: 4")]),
    "above and 255": (
        {ANNOTATION: repainted(lambda v: np.where(v == 0, 255, v + 2))},
        {},
        [("value_255", ANNOTATION, ""), ("values", ANNOTATION, "above 3: 4, 5")],
    ),
    "all at once": (
        {CLASS_TABLE: table("1\tsky", "3\troad"), PICTURE: left_out, EVERY[0]: as_mode("RGB"), EVERY[1]: narrower},
        {},
        [
            ("class_table", CLASS_TABLE, "left out: 2"),
            ("annotation_alone", ANNOTATION, ""),
            ("annotation_kind", EVERY[0], ""),
            ("sizes", EVERY[1], ""),
        ],
    ),
}

WARNINGS = {
    "one too low": (
        all_annotations(lambda v: np.where(v > 1, v - 1, 0)),
        {},
        [("off_by_one", "class 3", "tree never")],
    ),
    "unlabelled": ({ANNOTATION: repainted(lambda v: 0 * v)}, {}, [("unlabelled", ANNOTATION, "")]),
    "unseen": (all_annotations(lambda v: np.where(v == 1, 0, v)), {}, [("unseen", "class 1", "sky")]),
    "validation only": (
        all_annotations(lambda v: np.where(v == 2, 1, v), ["training"]),
        {},
        [("validation_only", "class 2", "road")],
    ),
    "one name": (
        {CLASS_TABLE: table("1\tsky", "2\tsky, air", "3\ttree")},
        {},
        [("same_name", "class 1", "sky"), ("same_name", "class 2", "sky")],
    ),
    "turned": ({PICTURE: turned}, {}, [("orientation", "training", f"1 of 6 pictures, such as {PICTURE}")]),
    "CMYK": ({PICTURE: as_mode("CMYK", "JPEG")}, {}, [("cmyk", "training", "1 of 6 pictures")]),
    "alpha": ({PICTURE: translucent}, {}, [("alpha", "training", "1 of 6 pictures")]),
    "frames": (
        {PICTURE: as_mode("RGB", save_all=True, append_images=[Image.new("RGB", (9, 9))])},
        {},
        [("frames", "training", "1 of 6 pictures")],
    ),
    "12 bits in 16": (
        {PICTURE: twelve_bits},
        {},
        [("depth", "training", "1 of 6"), ("dark", "training", "values below 4096 of 65536: the brightest becomes 15")],
    ),
    "turned as stored": (
        {PICTURE: as_mode("RGB", exif=exif_turn(6))},
        {},
        [("as_stored", "training", "1 of 6")],
    ),
    "passed over": (
        {},
        {
            "images/test/a.jpg": b"",
            "images/test/b.jpg": b"",
            "annotations/training/x.txt": b"",
            "images/.DS_Store": b"",
        },
        [("passed_over", "images/test", "2 x *.jpg"), ("passed_over", "annotations/training", "1 x *.txt")],
    ),
}


def written(tmp_path, changes, extra, **arguments):
    path = tmp_path / "dataset.zip"
    write_archive(path, changes=changes, extra=extra, root="", **arguments)
    return path


def kinds(report, error):
    return {kind for kind, found in report.of_severity(error).items() if found}


def accepts(path):
    """Whether prepare would take it: its own parts, without the processes."""
    try:
        with Archive(path) as archive:
            pairs = [pair for split in SPLITS for pair in archive.pairs(split)]
    except InputError:
        return False
    work = Work(path, signature(path), tuple(pairs), demo_params(prepare={"size": 32}).prepare)
    return not encode_pairs(work).problems


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_found_and_prepare_refuses_too(tmp_path, case):
    changes, extra, expected = ERRORS[case]
    path = written(tmp_path, changes, extra)
    report = inspect(path, 4)
    for kind, where, text in expected:
        assert KINDS[kind].error
        assert any(found.kind == kind and found.where == where and text in found.text for found in report.findings), (
            report.findings
        )
    assert kinds(report, error=True) == {kind for kind, _, _ in expected}
    if case != "scenes":  # which visualize reads
        assert not accepts(path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    assert kinds(inspect(tmp_path / "folder", 4), error=True) == kinds(report, error=True)


@pytest.mark.parametrize("case", WARNINGS)
def test_warnings_are_found_and_prepare_takes_it(tmp_path, case):
    changes, extra, expected = WARNINGS[case]
    path = written(tmp_path, changes, extra)
    report = inspect(path, 4)
    for kind, where, text in expected:
        assert not KINDS[kind].error
        assert any(found.kind == kind and found.where == where and text in found.text for found in report.findings), (
            report.findings
        )
    assert report.usable
    named = {kind for kind, _, _ in expected}
    assert len([finding for finding in report.findings if finding.kind in named]) == len(expected)
    assert accepts(path)


def test_a_good_dataset_has_nothing(tmp_path):
    path = written(tmp_path, {}, {})
    report = inspect(path, 6)
    assert report.findings == []
    assert report.contents["training"].gray == 1
    assert accepts(path)
    prepare(demo_params(prepare={"size": 32}), path, tmp_path / "records")


def test_what_concerns_a_whole_split(tmp_path):
    one_class = inspect(written(tmp_path, {}, {}, classes=("all",)), 4)
    assert "one_class" in kinds(one_class, error=False)
    small = inspect(written(tmp_path, {}, {}), 7)
    assert [finding for finding in small.findings if finding.kind == "batch"] == [
        ("batch", "training", "6 pairs, a batch has 7")
    ]
    empty = inspect(written(tmp_path, {}, {}, validation=0), 4)
    assert kinds(empty, error=True) == {"empty"}
    nothing = inspect(written(tmp_path, all_annotations(lambda v: 0 * v, ["validation"]), {}), 4)
    assert kinds(nothing, error=True) == {"no_labels"}
    too_high = inspect(written(tmp_path, all_annotations(lambda v: np.maximum(v, 1) + 1), {}), 4)
    assert kinds(too_high, error=True) == {"values"}
    assert kinds(too_high, error=False) >= {"off_by_one"}


@pytest.mark.parametrize(
    ("changes", "extra"),
    [
        ({CLASS_TABLE: left_out}, {}),
        ({}, {f"x/{CLASS_TABLE}": class_table(("sky", "road", "tree"))}),
        ({CLASS_TABLE: table("1\tsky", "3\troad")}, {}),
    ],
    ids=["none", "two", "wrong"],
)
def test_a_wrong_class_table_hides_only_what_depends_on_it(tmp_path, changes, extra):
    others = {
        PICTURE: narrower,
        ANNOTATION: repainted(lambda v: np.where(v == 0, 255, v)),
        EVERY[0]: repainted(lambda v: v + 4),
        **all_annotations(lambda v: 0 * v, ["validation"]),
    }
    right = inspect(written(tmp_path, others, {}), 4)
    assert kinds(right, error=True) == {"sizes", "value_255", "values", "no_labels"}
    wrong = inspect(written(tmp_path, {**others, **changes}, extra), 4)
    assert kinds(wrong, error=True) == {"class_table", "sizes", "value_255", "no_labels"}
    assert "values are not compared with the number of classes" in KINDS["class_table"].fix
    hidden = {"values", "class_table"}
    assert [one for one in wrong.findings if one.kind not in hidden] == [
        one for one in right.findings if one.kind not in hidden
    ]


def test_a_rare_last_class_is_no_shift(tmp_path):
    report = inspect(written(tmp_path, all_annotations(lambda v: np.where(v > 1, 0, v)), {}), 4)
    assert kinds(report, error=False) == {"unseen"}


def test_the_documentation_has_every_kind(root):
    text = (root / "docs/own-data.md").read_text()
    assert [
        kind.title for kind in KINDS.values() if f"{kind.title} |" not in text and f"{kind.title}, " not in text
    ] == []


def test_a_picture_in_both_splits_by_its_pixels(tmp_path):
    """Another file, and RGB instead of grayscale: the same picture."""
    with Archive(written(tmp_path, {}, {})) as archive:
        pair = archive.pairs("training")[1]
        image, annotation = archive.read(pair.image), archive.read(pair.annotation)
    extra = {"images/validation/x.png": as_mode("RGB")(image), "annotations/validation/x.png": annotation}
    report = inspect(written(tmp_path, {}, extra), 4)
    assert report.findings == [("leak", "images/validation/x.png", f"same pixels as {pair.image}")]


def test_a_damaged_member_is_found_beside_others(tmp_path):
    path = written(tmp_path, {ANNOTATION: as_mode("RGB")}, {})
    with zipfile.ZipFile(path) as archive:
        information = archive.getinfo("images/training/training_0004.jpg")
    content = bytearray(path.read_bytes())
    content[information.header_offset + 400] ^= 0x55
    path.write_bytes(content)
    found = {finding[:2] for finding in inspect(path, 4).findings}
    assert found == {("annotation_kind", ANNOTATION), ("image_unreadable", "images/training/training_0004.jpg")}


@pytest.mark.parametrize("member", [PICTURE, ANNOTATION])
def test_whatever_is_damaged_check_and_prepare_agree(tmp_path, member):
    generator = np.random.default_rng(5)
    kept = b""

    def damaged(content):
        nonlocal kept
        kept = bytearray(content)
        for _ in range(3):
            kept[generator.integers(len(kept))] ^= 1 << generator.integers(8)
        return bytes(kept[: generator.integers(len(kept))] if generator.random() < 0.3 else kept)

    verdicts = set()
    for _ in range(12):
        path = written(tmp_path, {member: damaged}, {}, training=3, validation=1)
        usable = inspect(path, 1).usable
        assert usable == accepts(path), kept
        verdicts.add(usable)
    assert False in verdicts


def test_many_pairs_go_to_processes_and_give_the_same(tmp_path):
    path = written(tmp_path, {ANNOTATION: as_mode("RGB")}, {}, training=FEW + 5, sides=(12, 20))
    report = inspect(path, 4)
    assert report.findings[0][:2] == ("annotation_kind", ANNOTATION)
    assert report.contents["training"].pairs == FEW + 5
    with Archive(path) as archive:
        expected = sum(
            np.bincount(np.asarray(Image.open(io.BytesIO(archive.read(pair.annotation)))).ravel(), minlength=256)
            for pair in archive.pairs("training")
            if pair.annotation != ANNOTATION
        )
    assert np.array_equal(report.contents["training"].values, expected)
    assert [member for member, _ in report.contents["training"].digests] == [
        f"images/training/training_{index:04d}.jpg" for index in range(FEW + 5)
    ]


def test_the_text_says_errors_warnings_fixes_and_the_summary(tmp_path, capsys):
    path = written(tmp_path, {ANNOTATION: as_mode("RGB"), PICTURE: turned}, {})
    with pytest.raises(SystemExit) as ended:
        check(path, as_json=False, batch_size=4)
    assert ended.value.code == 1
    shown = capsys.readouterr().out
    assert shown.index("error: annotations of another kind (1)") < shown.index(f"fix: {KINDS['annotation_kind'].fix}")
    assert shown.index("fix: ") < shown.index(f"warning: {KINDS['orientation'].title} (1)")
    assert "1 errors, 1 warnings" in shown
    assert "params.yaml" not in shown


def test_the_summary_is_what_the_dataset_holds(tmp_path, capsys):
    path = written(tmp_path, {}, {})
    check(path, as_json=True, batch_size=4)
    told = json.loads(capsys.readouterr().out)
    assert (told["errors"], told["warnings"]) == ([], [])
    download = {"source": str(path), "digest": file_digest(path)}
    assert told["params"] == {"download": download}
    check(path, as_json=False, batch_size=4)
    shown = capsys.readouterr().out
    assert f"    digest: {file_digest(path)}\n" in shown
    values, sizes = {}, {}
    with Archive(path) as archive:
        for split in ("training", "validation"):
            pictures = [Image.open(io.BytesIO(archive.read(pair.annotation))) for pair in archive.pairs(split)]
            values[split] = np.concatenate([np.asarray(picture).ravel() for picture in pictures])
            sizes[split] = sorted((picture.size for picture in pictures), key=lambda size: (np.prod(size), size))
    assert [row["pixels"] for row in told["splits"]] == [len(values[split]) for split in values]
    assert told["splits"][0]["smallest"] == "{} x {}".format(*sizes["training"][0])
    assert told["splits"][1]["largest"] == "{} x {}".format(*sizes["validation"][-1])
    assert [row["name"] for row in told["classes"]] == ["(other)", "sky", "road", "tree"]
    for row in told["classes"]:
        for split, found in values.items():
            assert row[split] == pytest.approx((found == row["value"]).mean())


def test_a_directory_is_read_as_the_download_stage_packs_it(tmp_path):
    with zipfile.ZipFile(written(tmp_path, {}, {"images/training/notes.txt": b""}, classes=("a", "b"))) as archive:
        archive.extractall(tmp_path / "set/inner")
    (tmp_path / "set/readme.txt").touch()
    report = inspect(tmp_path / "set", 4)
    assert [finding[:2] for finding in report.findings] == [("passed_over", "inner/images/training")]
    pack(tmp_path / "set", tmp_path / "packed.zip")
    packed = inspect(tmp_path / "packed.zip", 4)
    assert packed.findings == []
    assert packed.contents["training"].digests == report.contents["training"].digests
    check(tmp_path / "set", as_json=True, batch_size=4)


def test_what_cannot_be_opened_is_refused(tmp_path):
    (tmp_path / "dataset.zip").write_bytes(b"<html>")
    with pytest.raises(InputError, match="cannot be opened"):
        inspect(tmp_path / "dataset.zip", 4)


def test_the_default_batch_is_that_of_the_params():
    flags = make_parser().parse_args(["check", "dataset.zip"])
    assert flags.batch_size == demo_params().train.batch_size
