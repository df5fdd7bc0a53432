"""Stage prepare: equal input gives equal bytes with any number of processes, and every faulty pair is named at once."""

import io
import json
import os
import subprocess
import sys
import zipfile

import datasets
import numpy as np
import pytest
from datasets import demo_params, encoded, write_archive
from PIL import Image

from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.images import decode_annotation, fit
from sceneparse.dataset.photos import LOST
from sceneparse.records.manifest import MANIFEST, open_records
from sceneparse.records.tfrecord import parse_example, read_examples
from stages.prepare.encode import Work, encode_pairs, signature
from stages.prepare.executor import open_executor
from stages.prepare.stage import CHUNK, prepare

TRAINING, VALIDATION = CHUNK + 4, 3  # more than one task


def params(**changes):
    return demo_params(prepare={"size": 64, "shard_images": 8, **changes})


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read_split(records, split):
    examples = read_examples([records / shard.file for shard in split.shards])
    return [{name: value.numpy() for name, value in parse_example(example).items()} for example in examples]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("dataset") / "dataset.zip"
    write_archive(path, training=TRAINING, validation=VALIDATION)
    return path


@pytest.fixture(scope="module")
def records(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("records") / "records"
    prepare(params(), dataset, folder)
    return folder


def test_shards_and_manifest(records):
    manifest = open_records(records)
    assert (manifest.classes, manifest.size, manifest.mode) == (("sky", "road", "tree"), 64, "squash")
    assert manifest.training.ids == tuple(f"training_{index:04d}" for index in range(TRAINING))
    assert manifest.validation.ids == tuple(f"validation_{index:04d}" for index in range(VALIDATION))
    shards = (*manifest.training.shards, *manifest.validation.shards)
    assert [(shard.file, shard.count) for shard in shards] == [
        ("training-00000-of-00003.tfrecord", 8),
        ("training-00001-of-00003.tfrecord", 8),
        ("training-00002-of-00003.tfrecord", 4),
        ("validation-00000-of-00001.tfrecord", 3),
    ]
    assert set(contents(records)) == {MANIFEST, *(shard.file for shard in shards)}
    for shard in shards:
        assert len(list(read_examples([records / shard.file]))) == shard.count


def test_records_are_the_archive_s_pairs(dataset, records):
    manifest = open_records(records)
    with Archive(dataset) as archive:
        for name in ("training", "validation"):
            fields = read_split(records, getattr(manifest, name))
            for pair, record in zip(archive.pairs(name), fields, strict=True):
                annotation = decode_annotation(archive.read(pair.annotation))
                assert record["id"].decode() == pair.id
                assert (record["width"], record["height"]) == annotation.size
                squashed = annotation.resize((64, 64), Image.Resampling.NEAREST)
                assert np.array_equal(record["annotation"], squashed)
                assert record["image"].shape == (64, 64, 3)
                # Each class has its colour, in the record too; the second training picture is gray.
                if pair.id != "training_0001":
                    expected = datasets.colour(2, 3)
                    assert np.abs(record["image"][record["annotation"] == 2].mean(0) - expected).max() < 25


def test_label_pixels_are_those_of_the_records(records):
    manifest = open_records(records)
    for split in (manifest.training, manifest.validation):
        annotations = np.stack([fields["annotation"] for fields in read_split(records, split)])
        assert split.label_pixels == tuple(np.bincount(annotations.ravel(), minlength=4))
        assert min(split.label_pixels) > 0


PREPARE = """
import os, sys
from pathlib import Path
from sceneparse.params.whole import Params
from stages.prepare.stage import prepare
if __name__ == "__main__":
    os.sched_setaffinity(0, set(map(int, sys.argv[4].split(","))))
    prepare(Params.model_validate_json(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process to CPUs")
@pytest.mark.parametrize("cores", [1, 2])
def test_the_same_bytes_again_with_any_number_of_processes(dataset, records, tmp_path, root, cores):
    mine = sorted(os.sched_getaffinity(0))[:cores]
    if len(mine) < cores:
        pytest.skip("needs two cores")
    again = tmp_path / "elsewhere"
    arguments = [params().model_dump_json(), dataset, again, ",".join(map(str, mine))]
    subprocess.run([sys.executable, "-c", PREPARE, *arguments], cwd=root, check=True, capture_output=True)
    assert contents(again) == contents(records)


@pytest.mark.parametrize("mode", ["crop", "letterbox"])
def test_other_modes(dataset, tmp_path, mode):
    prepare(params(mode=mode), dataset, tmp_path / "records")
    manifest = open_records(tmp_path / "records")
    assert manifest.mode == mode
    padded = 0
    for fields in read_split(tmp_path / "records", manifest.validation):
        where = fit(int(fields["width"]), int(fields["height"]), 64, mode)
        outside = np.ones((64, 64), bool)
        outside[max(where.top, 0) : where.top + where.height, max(where.left, 0) : where.left + where.width] = False
        assert (fields["annotation"][outside] == 0).all()
        padded += outside.sum()
        if outside.any():
            # Away from the picture: JPEG mixes the border's colours.
            far = outside & np.roll(outside, 8, (0, 1)) & np.roll(outside, -8, (0, 1))
            assert np.abs(fields["image"][far].astype(int) - (124, 117, 104)).max(initial=0) < 12
    assert (padded > 0) == (mode == "letterbox")


def resized(content):
    """Return the picture, one row shorter."""
    picture = Image.open(io.BytesIO(content))
    return encoded(picture.crop((0, 0, picture.width, picture.height - 1)), "PNG")


def repainted(value):
    def change(content):
        picture = Image.open(io.BytesIO(content))
        picture.putpixel((5, 5), value)
        return encoded(picture, "PNG")

    return change


BROKEN = {
    "images/training/training_0000.jpg": (lambda content: content[: len(content) // 2], "truncated"),
    "annotations/training/training_0002.png": (lambda content: content[: len(content) // 2], "training_0002: "),
    "annotations/training/training_0003.png": (resized, "pixels (width, height)"),
    "annotations/training/training_0004.png": (
        lambda _: encoded(Image.new("P", (60, 60)), "PNG"),
        "expected an 8-bit grayscale PNG, got PNG of mode P",
    ),
    "annotations/training/training_0005.png": (repainted(4), "above the 3 classes: [4]"),
    "images/training/training_0006.jpg": (lambda _: b"", "not a picture"),
    "annotations/validation/validation_0001.png": (repainted(200), "above the 3 classes: [200]"),
}


@pytest.mark.parametrize("existed", [False, True])
def test_every_bad_pair_is_named_and_nothing_is_written(tmp_path, existed):
    path, records = tmp_path / "dataset.zip", tmp_path / "records"
    write_archive(
        path, training=CHUNK + 2, validation=2, changes={member: change for member, (change, _) in BROKEN.items()}
    )
    if existed:
        records.mkdir()
        (records / "old").write_text("kept")
    with pytest.raises(InputError, match=f"7 of {CHUNK + 4} pairs cannot be used") as refused:
        prepare(params(), path, records)
    lines = refused.value.got.strip().splitlines()
    assert len(lines) == len(BROKEN)
    for line, (member, (_, reason)) in zip(lines, BROKEN.items(), strict=True):
        assert line.startswith(member.rpartition("/")[2][:-4] + ": ")
        assert reason in line
    assert refused.value.file == str(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dataset.zip"] + ["records"] * existed
    assert not existed or contents(records) == {"old": b"kept"}


def test_lost_information_is_counted_and_printed(tmp_path, capsys):
    def translucent(content):
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        picture.putalpha(40)
        return encoded(picture, "PNG")

    path = tmp_path / "dataset.zip"
    changes = {f"images/training/training_{index:04d}.jpg": translucent for index in (0, 1)}
    write_archive(path, training=CHUNK + 1, validation=1, changes=changes, extra={"images/training/a.HEIC": b""})
    prepare(params(), path, tmp_path / "records")
    shown = capsys.readouterr().out.splitlines()
    assert f"2 of {CHUNK + 2} pictures: {LOST['alpha']}" in shown
    assert "ignored, as only .jpg, .jpeg and .png are read: 1 x *.heic" in shown
    alone = {"annotations/training/training_0000.png": lambda _: None}
    write_archive(path, changes=alone, extra={"images/validation/a.heic": b"", "images/validation/b.tif": b""})
    with pytest.raises(InputError, match=r"ignored: 1 x \*\.heic, 1 x \*\.tif"):
        prepare(params(), path, tmp_path / "records")


def test_a_worker_with_another_signature_refuses_its_task(dataset):
    """The error comes whole from the worker's process."""
    with open_executor(dataset) as (pool, _), pytest.raises(InputError) as refused:
        pool.submit(encode_pairs, Work(dataset, "another", (), params().prepare)).result()
    assert refused.value.got.startswith("another dataset, code or library versions (process ")
    assert refused.value.file == str(dataset)


def test_the_command_line(dataset, records, tmp_path, root):
    """Run prepare like dvc.yaml: no process imports TensorFlow, and paths do not change the bytes."""
    file = tmp_path / "params.yaml"
    file.write_text(json.dumps(params().model_dump()))  # YAML reads JSON
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('TensorFlow was imported')")
    target = tmp_path / "records"
    done = subprocess.run(
        [sys.executable, "-m", "stages.prepare", "--dataset", dataset, "--records", target, "--params", file],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{root}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("TensorFlow")) == (0, 0)
    assert contents(target) == contents(records)


def test_another_dataset_of_the_same_size_has_another_signature(tmp_path):
    """Workers compare signatures: a zip's end holds the checksum of each member."""
    signatures = set()
    for number in range(2):
        path = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(zipfile.ZipInfo("a"), bytes([number]))
        signatures.add((path.stat().st_size, signature(path)))
    assert len(signatures) == 2
    assert len({size for size, _ in signatures}) == 1
