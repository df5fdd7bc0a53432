"""Demo archive: reproducible bytes, ADE20K's layout, and a class table that matches the annotations."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.dataset.archive import Archive
from sceneparse.dataset.layout import CLASS_TABLE, SPLITS
from stages.download.demo import ROOT, write_demo
from stages.download.painting.canvas import Canvas
from stages.download.painting.kinds import Kind
from stages.download.painting.scenes import CATEGORIES, GRAY_EVERY, SIDES, draw_scene

COUNTS = {"training": 14, "validation": 6}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    path = tmp_path_factory.mktemp("demo") / "demo.zip"
    write_demo(path, COUNTS["training"], COUNTS["validation"], seed=0)
    with Archive(path) as opened:
        yield opened


def pictures(archive: Archive, split: str) -> list[tuple[Image.Image, Image.Image]]:
    """Return every (picture, annotation) of a split, decoded."""
    return [
        (Image.open(io.BytesIO(archive.read(pair.image))), Image.open(io.BytesIO(archive.read(pair.annotation))))
        for pair in archive.pairs(split)
    ]


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        write_demo(tmp_path / name, 2, 1, seed)
    first, again, other = ((tmp_path / name).read_bytes() for name in ("first", "again", "other"))
    assert first == again
    assert first != other
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "first", "other"]


def test_a_scene_depends_on_seed_split_and_index_alone() -> None:
    scene = draw_scene(3, "validation", 4)[1].tobytes()
    draw_scene(3, "validation", 5)
    assert draw_scene(3, "validation", 4)[1].tobytes() == scene
    for seed, split, index in ((4, "validation", 4), (3, "training", 4), (3, "validation", 10)):
        assert draw_scene(seed, split, index)[1].tobytes() != scene


def test_members_carry_no_time_and_no_compression(archive: Archive) -> None:
    with zipfile.ZipFile(archive.path) as opened:
        members = opened.infolist()
    assert {(member.date_time, member.compress_type, member.external_attr) for member in members} == {
        ((1980, 1, 1, 0, 0, 0), 0, 0o644 << 16)
    }
    assert all(member.filename.startswith(f"{ROOT}/") for member in members)
    assert len(members) == 2 * sum(COUNTS.values()) + 2


def test_ids_and_classes_are_as_in_ade(archive: Archive) -> None:
    for split, prefix in (("training", "ADE_train"), ("validation", "ADE_val")):
        assert [pair.id for pair in archive.pairs(split)] == [f"{prefix}_{i + 1:08d}" for i in range(COUNTS[split])]
    assert archive.classes == tuple(kind.label.split(",")[0] for kind in Kind if kind)


def test_every_scene_has_a_category(archive: Archive) -> None:
    ids = {pair.id for split in SPLITS for pair in archive.pairs(split)}
    assert archive.scenes().keys() == ids
    assert set(archive.scenes().values()) == {category.__name__ for category in CATEGORIES}
    assert archive.scenes()["ADE_train_00000001"] == "street"


@pytest.mark.parametrize("split", SPLITS)
def test_annotations_fit_their_pictures(archive: Archive, split: str) -> None:
    for picture, annotation in pictures(archive, split):
        assert (picture.format, annotation.format, annotation.mode) == ("JPEG", "PNG", "L")
        assert picture.size == annotation.size
        assert all(SIDES[0] <= side <= SIDES[1] for side in picture.size)
        assert set(np.unique(annotation).tolist()) <= set(map(int, Kind))


def test_pictures_vary_in_size_shape_and_channels(archive: Archive) -> None:
    drawn = [picture for picture, _ in pictures(archive, "training")]
    sizes = {picture.size for picture in drawn}
    assert len(sizes) == len(drawn)
    assert {width > height for width, height in sizes} == {True, False}
    assert any(side % 2 for size in sizes for side in size)
    gray = [index for index, picture in enumerate(drawn) if picture.mode == "L"]
    assert gray == list(range(GRAY_EVERY // 2, COUNTS["training"], GRAY_EVERY))


def test_the_class_table_counts_what_the_annotations_show(archive: Archive) -> None:
    rows = list(csv.DictReader(io.StringIO(archive.read(f"{ROOT}/{CLASS_TABLE}").decode()), delimiter="\t"))
    assert list(rows[0]) == ["Idx", "Ratio", "Train", "Val", "Name"]
    labels = {split: [np.asarray(annotation) for _, annotation in pictures(archive, split)] for split in SPLITS}
    annotated = sum(int((label > 0).sum()) for label in labels["training"])
    for kind, row in enumerate(rows, start=1):
        count = sum(int((label == kind).sum()) for label in labels["training"])
        assert row["Ratio"] == f"{count / annotated:.4f}"
        assert int(row["Train"]) == sum(kind in label for label in labels["training"]) > 0
        assert int(row["Val"]) == sum(kind in label for label in labels["validation"])


def test_a_small_part_has_no_class(archive: Archive) -> None:
    labels = np.concatenate([np.asarray(annotation).ravel() for _, annotation in pictures(archive, "training")])
    assert 0.002 < (labels == Kind.OTHER).mean() < 0.05


def test_no_validation_scene_is_a_training_scene(archive: Archive) -> None:
    drawn = [archive.read(pair.annotation) for split in SPLITS for pair in archive.pairs(split)]
    assert len(set(drawn)) == sum(COUNTS.values())


def test_a_thing_covers_the_same_pixels_in_picture_and_annotation() -> None:
    def ball_and_board(canvas: Canvas, z: float) -> None:
        canvas.disc((-0.8, canvas.eye, z), 0.6, 0.4, (255, 0, 0), Kind.CAR)
        canvas.panel(0.2, 1.2, canvas.eye - 0.3, canvas.eye + 0.3, z, (255, 0, 0), Kind.BOAT)

    canvas = Canvas(np.random.Generator(np.random.PCG64(1)), 201, 200)
    canvas.stand(2, ball_and_board, 2)
    picture, annotation = canvas.finish()
    rgb, kinds = np.asarray(picture).astype(int), np.asarray(annotation)
    red = rgb[..., 0] - rgb[..., 1:].max(-1) > 60
    sure = kinds != Kind.OTHER  # the overlooked spots
    thing = (kinds == Kind.CAR) | (kinds == Kind.BOAT)
    assert set(np.unique(kinds)) == {Kind.OTHER, Kind.SKY, Kind.CAR, Kind.BOAT}
    assert (red[sure] & thing[sure]).sum() > 0.96 * (red[sure] | thing[sure]).sum()


def test_nearer_things_hide_farther_ones() -> None:
    def wall(canvas: Canvas, z: float, red: float, kind: float) -> None:
        canvas.panel(-99, 99, 0, 99, z, (red, 0, 0), Kind(int(kind)))

    canvas = Canvas(np.random.Generator(np.random.PCG64(0)), 61, 45)
    canvas.stand(2, wall, 2, 250, Kind.CAR)
    canvas.stand(9, wall, 9, 0, Kind.BOAT)
    picture, annotation = canvas.finish()
    assert (picture.size, annotation.size) == ((61, 45), (61, 45))
    assert annotation.getpixel((30, 5)) == Kind.CAR
    assert np.asarray(picture)[5, 30, 0] > 150
