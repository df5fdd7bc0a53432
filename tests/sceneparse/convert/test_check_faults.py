"""sceneparse check finds each thing that can be wrong with a dataset, all at once, and prepare agrees."""

import io
import zipfile

import numpy as np
import pytest
from changes import ANNOTATION, PICTURE, as_mode, turned, written
from datasets import demo_params, encoded
from photos import turned as exif_turn
from PIL import Image

from sceneparse.convert.findings import KINDS
from sceneparse.convert.inspection import inspect
from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.layout import CLASS_TABLE, SCENES, SPLITS
from stages.prepare.encode import Work, encode_pairs, signature


def left_out(_):
    return None


def repainted(function):
    """An annotation of other values."""

    def change(content):
        values = np.array(Image.open(io.BytesIO(content)))
        return encoded(Image.fromarray(function(values).astype(np.uint8)), "PNG")

    return change


def narrower(content):
    picture = Image.open(io.BytesIO(content))
    return encoded(picture.crop((0, 0, picture.width - 1, picture.height)), "PNG")


def translucent(content):
    picture = Image.open(io.BytesIO(content))
    picture.putalpha(40)
    return encoded(picture, "PNG")


def twelve_bits(content):
    gray = np.asarray(Image.open(io.BytesIO(content)).convert("L"), int)
    return encoded(Image.fromarray((gray * 4095 // gray.max()).astype(np.uint16)), "PNG")


def all_annotations(function, splits=SPLITS):
    counts = {"training": 6, "validation": 3}
    return {
        f"annotations/{split}/{split}_{index:04d}.png": repainted(function)
        for split in splits
        for index in range(counts[split])
    }


def table(*rows):
    return lambda _: "\n".join(["Idx\tName", *rows]).encode()


EVERY = [f"annotations/{split}/{split}_0000.png" for split in SPLITS]
FRAME = Image.new("RGB", (9, 9))

CASES = {  # changes, or contents of new members, and the findings
    "no table": ({CLASS_TABLE: left_out}, ("class_table", CLASS_TABLE, "there is none")),
    "two tables": ({f"x/{CLASS_TABLE}": b""}, ("class_table", CLASS_TABLE, "2 of them")),
    "every row": (
        {CLASS_TABLE: table("1\tsky", "x\troad", "4\t", "1\ttree")},
        ("class_table", CLASS_TABLE, "row 3: Idx is 'x'"),
        ("class_table", CLASS_TABLE, "row 4: no name"),
        ("class_table", CLASS_TABLE, "occur twice: 1"),
        ("class_table", CLASS_TABLE, "left out: 2, 3"),
    ),
    "alone": (
        {PICTURE: left_out, "annotations/validation/validation_0000.png": left_out},
        ("annotation_alone", ANNOTATION, ""),
        ("image_alone", "images/validation/validation_0000.jpg", ""),
    ),
    "double": (
        {"images/training/training_0001.png": b""},
        ("doubles", "images/training/training_0001.jpg", ""),
        ("image_unreadable", "images/training/training_0001.png", ""),
    ),
    "scenes": ({SCENES: b"a stra\xdfe"}, ("scenes", SCENES, "utf-8")),
    "cut": ({PICTURE: lambda content: content[:-900]}, ("image_unreadable", PICTURE, "truncated")),
    "no picture": ({PICTURE: lambda _: b"<html>"}, ("image_unreadable", PICTURE, "not a picture")),
    "cut annotation": ({ANNOTATION: lambda content: content[:100]}, ("annotation_unreadable", ANNOTATION, "")),
    "palette": ({ANNOTATION: as_mode("P")}, ("annotation_kind", ANNOTATION, "mode P")),
    "JPEG": ({ANNOTATION: as_mode("L", "JPEG")}, ("annotation_kind", ANNOTATION, "JPEG of mode L")),
    "size": ({ANNOTATION: narrower}, ("sizes", ANNOTATION, "but annotation")),
    "kind and size": (
        {ANNOTATION: lambda content: as_mode("RGB")(narrower(content))},
        ("annotation_kind", ANNOTATION, "mode RGB"),
        ("sizes", ANNOTATION, ""),
    ),
    "both bad": (
        {PICTURE: lambda _: b"", ANNOTATION: as_mode("RGB")},
        ("image_unreadable", PICTURE, ""),
        ("annotation_kind", ANNOTATION, ""),
    ),
    "above and 255": (
        {ANNOTATION: repainted(lambda v: np.where(v == 0, 255, v + 2))},
        ("value_255", ANNOTATION, "% of its"),
        ("values", ANNOTATION, "above 3: 4, 5"),
    ),
    "all at once": (
        {CLASS_TABLE: table("1\tsky", "3\troad"), PICTURE: left_out, EVERY[0]: as_mode("RGB"), EVERY[1]: narrower},
        ("class_table", CLASS_TABLE, "left out: 2"),
        ("class_table", CLASS_TABLE, "outside 1..N: 3"),
        ("annotation_alone", ANNOTATION, ""),
        ("annotation_kind", EVERY[0], ""),
        ("sizes", EVERY[1], ""),
    ),
    "one too low": (all_annotations(lambda v: np.where(v > 1, v - 1, 0)), ("off_by_one", "class 3", "tree never")),
    "unlabelled": ({ANNOTATION: repainted(lambda v: 0 * v)}, ("unlabelled", ANNOTATION, "")),
    "unseen": (all_annotations(lambda v: np.where(v == 1, 0, v)), ("unseen", "class 1", "sky")),
    "validation only": (
        all_annotations(lambda v: np.where(v == 2, 1, v), ["training"]),
        ("validation_only", "class 2", "road"),
    ),
    "one name": (
        {CLASS_TABLE: table("1\tsky", "2\tsky, air", "3\ttree")},
        ("same_name", "class 1", "sky"),
        ("same_name", "class 2", "sky"),
    ),
    "turned": ({PICTURE: turned}, ("orientation", "training", f"1 of 6 pictures, such as {PICTURE}")),
    "turned as stored": ({PICTURE: as_mode("RGB", exif=exif_turn(6))}, ("as_stored", "training", "1 of 6")),
    "CMYK": ({PICTURE: as_mode("CMYK", "JPEG")}, ("cmyk", "training", "1 of 6 pictures")),
    "alpha": ({PICTURE: translucent}, ("alpha", "training", "1 of 6 pictures")),
    "frames": ({PICTURE: as_mode("RGB", save_all=True, append_images=[FRAME])}, ("frames", "training", "1 of 6")),
    "12 bits in 16": (
        {PICTURE: twelve_bits},
        ("depth", "training", "1 of 6"),
        ("dark", "training", "values below 4096 of 65536: the brightest becomes 15"),
    ),
    "passed over": (
        dict.fromkeys(
            ("images/test/a.jpg", "images/test/b.jpg", "annotations/training/x.txt", "images/.DS_Store"), b""
        ),
        ("passed_over", "images/test", "2 x *.jpg"),
        ("passed_over", "annotations/training", "1 x *.txt"),
    ),
}


def kinds(report, error):
    return set(report.of_severity(error))


def accepts(path):
    """Whether prepare would take it: its own parts, without the processes."""
    try:
        with Archive(path) as archive:
            pairs = [pair for split in SPLITS for pair in archive.pairs(split)]
    except InputError:
        return False
    work = Work(path, signature(path), tuple(pairs), demo_params(prepare={"size": 32}).prepare)
    return not encode_pairs(work).problems


@pytest.mark.parametrize("case", CASES)
def test_each_fault_is_found_and_prepare_agrees(tmp_path, case):
    changes, *expected = CASES[case]
    path = written(tmp_path, changes)
    report = inspect(path, 4)
    for kind, where, text in expected:
        assert any(
            finding.kind == kind and finding.where == where and text in finding.text for finding in report.findings
        ), report.findings
    named = {kind for kind, _, _ in expected}
    assert len([finding for finding in report.findings if finding.kind in named]) == len(expected)
    errors = {kind for kind in named if KINDS[kind].error}
    assert errors in (named, set())
    assert kinds(report, error=True) == errors
    assert report.usable == (not errors)
    assert accepts(path) == (not errors or case == "scenes"), "which visualize reads"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    assert kinds(inspect(tmp_path / "folder", 4), error=True) == errors


def test_what_concerns_a_whole_split(tmp_path):
    def severities(changes, **arguments):
        report = inspect(written(tmp_path, changes, **arguments), 4)
        return kinds(report, error=True), kinds(report, error=False)

    assert "one_class" in severities({}, classes=("all",))[1]
    assert severities({}, validation=0)[0] == {"empty"}
    assert severities(all_annotations(lambda v: 0 * v, ["validation"]))[0] == {"no_labels"}
    errors, warnings = severities(all_annotations(lambda v: np.maximum(v, 1) + 1))
    assert errors == {"values"}
    assert warnings >= {"off_by_one"}
    assert severities(all_annotations(lambda v: np.where(v > 1, 0, v)))[1] == {"unseen"}, "a last class may be rare"
    (small,) = inspect(written(tmp_path, {}), 7).findings
    assert small == ("batch", "training", "6 pairs, a batch has 7")


@pytest.mark.parametrize("case", ["no table", "two tables", "every row"])
def test_a_wrong_class_table_hides_only_what_depends_on_it(tmp_path, case):
    others = {
        PICTURE: narrower,
        ANNOTATION: repainted(lambda v: np.where(v == 0, 255, v)),
        EVERY[0]: repainted(lambda v: v + 4),
        **all_annotations(lambda v: 0 * v, ["validation"]),
    }
    right = inspect(written(tmp_path, others), 4)
    assert kinds(right, error=True) == {"sizes", "value_255", "values", "no_labels"}
    wrong = inspect(written(tmp_path, {**others, **CASES[case][0]}), 4)
    assert kinds(wrong, error=True) == {"class_table", "sizes", "value_255", "no_labels"}
    assert "values are not compared with the number of classes" in KINDS["class_table"].fix
    hidden = {"values", "class_table"}
    rest = [[finding for finding in report.findings if finding.kind not in hidden] for report in (wrong, right)]
    assert rest[0] == rest[1]


def test_a_picture_in_both_splits_by_its_pixels(tmp_path):
    """Another file, and RGB instead of grayscale: the same picture."""
    with Archive(written(tmp_path, {})) as archive:
        pair = archive.pairs("training")[1]
        image, annotation = archive.read(pair.image), archive.read(pair.annotation)
    extra = {"images/validation/x.png": as_mode("RGB")(image), "annotations/validation/x.png": annotation}
    report = inspect(written(tmp_path, extra), 4)
    assert report.findings == [("leak", "images/validation/x.png", f"same pixels as {pair.image}")]


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
        path = written(tmp_path, {member: damaged}, training=3, validation=1)
        usable = inspect(path, 1).usable
        assert usable == accepts(path), kept
        verdicts.add(usable)
    assert False in verdicts
