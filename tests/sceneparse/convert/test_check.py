"""sceneparse check: its report as text and as JSON, and what it counts."""

import io
import json
import zipfile

import numpy as np
import pytest
from changes import ANNOTATION, PICTURE, as_mode, turned, written
from datasets import demo_params
from PIL import Image

from pipeline.cli.main import make_parser
from sceneparse.convert.check import check
from sceneparse.convert.findings import KINDS
from sceneparse.convert.inspection import inspect
from sceneparse.core.files import file_digest
from sceneparse.core.parallel import FEW
from sceneparse.dataset.archive import Archive
from stages.download.stage import pack
from stages.prepare.stage import prepare


def test_a_good_dataset_has_nothing(tmp_path):
    path = written(tmp_path, {})
    report = inspect(path, 6)
    assert (report.findings, report.contents["training"].gray) == ([], 1)
    prepare(demo_params(prepare={"size": 32}), path, tmp_path / "records")


def test_the_documentation_has_every_kind(root):
    text = (root / "docs/datasets.md").read_text()
    assert [
        kind.title for kind in KINDS.values() if f"{kind.title} |" not in text and f"{kind.title}, " not in text
    ] == []


def test_many_pairs_go_to_processes_and_give_the_same(tmp_path):
    path = written(tmp_path, {ANNOTATION: as_mode("RGB")}, training=FEW + 5, sides=(12, 20))
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
    path = written(tmp_path, {ANNOTATION: as_mode("RGB"), PICTURE: turned})
    with pytest.raises(SystemExit) as ended:
        check(path, as_json=False, batch_size=4)
    assert ended.value.code == 1
    shown = capsys.readouterr().out
    assert shown.index("error: annotations of another kind (1)") < shown.index(f"fix: {KINDS['annotation_kind'].fix}")
    assert shown.index("fix: ") < shown.index(f"warning: {KINDS['orientation'].title} (1)")
    assert "1 errors, 1 warnings" in shown
    assert "params.yaml" not in shown


def test_the_summary_is_what_the_dataset_holds(tmp_path, capsys):
    path = written(tmp_path, {})
    check(path, as_json=True, batch_size=4)
    told = json.loads(capsys.readouterr().out)
    assert (told["errors"], told["warnings"]) == ([], [])
    download = {"source": str(path), "digest": file_digest(path)}
    assert told["params"] == {"download": download}
    check(path, as_json=False, batch_size=4)
    shown = capsys.readouterr().out
    assert f"    digest: {file_digest(path)}\n" in shown
    values, sizes, pictures = {}, {}, {}
    with Archive(path) as archive:
        for split in ("training", "validation"):
            members = [archive.read(pair.annotation) for pair in archive.pairs(split)]
            pictures[split] = [np.asarray(Image.open(io.BytesIO(member))) for member in members]
            values[split] = np.concatenate([picture.ravel() for picture in pictures[split]])
            shapes = [picture.shape[::-1] for picture in pictures[split]]
            sizes[split] = sorted(shapes, key=lambda size: (np.prod(size), size))
    assert [row["pixels"] for row in told["splits"]] == [len(values[split]) for split in values]
    assert told["splits"][0]["smallest"] == "{} x {}".format(*sizes["training"][0])
    assert told["splits"][1]["largest"] == "{} x {}".format(*sizes["validation"][-1])
    assert [row["name"] for row in told["classes"]] == ["(other)", "sky", "road", "tree"]
    for row in told["classes"]:
        for split, annotated in values.items():
            assert row[split] == pytest.approx((annotated == row["value"]).mean())
            assert row[f"{split}_pictures"] == sum(row["value"] in picture for picture in pictures[split])


def test_a_directory_is_read_as_the_download_stage_packs_it(tmp_path):
    with zipfile.ZipFile(written(tmp_path, {"images/training/notes.txt": b""}, classes=("a", "b"))) as archive:
        archive.extractall(tmp_path / "set/inner")
    (tmp_path / "set/readme.txt").touch()
    report = inspect(tmp_path / "set", 4)
    assert [finding[:2] for finding in report.findings] == [("passed_over", "inner/images/training")]
    pack(tmp_path / "set", tmp_path / "packed.zip")
    packed = inspect(tmp_path / "packed.zip", 4)
    assert packed.findings == []
    assert packed.contents["training"].digests == report.contents["training"].digests
    check(tmp_path / "set", as_json=True, batch_size=4)


def test_the_default_batch_is_that_of_the_params():
    flags = make_parser().parse_args(["check", "dataset.zip"])
    assert flags.batch_size == demo_params().train.batch_size
