"""Annotations as pictures."""

import itertools

import numpy as np
import pytest
from PIL import Image
from report_inputs import decoded

from sceneparse.scores.overlays import ROWS, colorize, data_url, outlined, overlay, photo_url, save_label_png, shrink
from sceneparse.scores.palette import palette

COLOURS = palette(3)
ANNOTATION = np.array([[0, 1, 2], [3, 3, 0]], np.uint8)
IMAGE = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 10


def test_colorize():
    picture = colorize(ANNOTATION, COLOURS)
    assert picture.shape == (2, 3, 3)
    assert picture.dtype == np.uint8
    for y, x in np.ndindex(2, 3):
        assert picture[y, x].tolist() == COLOURS[ANNOTATION[y, x]].tolist()


def test_colorize_refuses_unknown_classes():
    with pytest.raises(ValueError, match=r"0\.\.3, got 4"):
        colorize(np.array([[4]], np.uint8), COLOURS)


def test_overlay_mixes():
    # Class 1 is (204, 68, 119), the image there (30, 40, 50): a quarter of the way.
    mixed = overlay(IMAGE, ANNOTATION, COLOURS, 0.25)
    assert mixed.dtype == np.uint8
    assert mixed[0, 1].tolist() == [74, 47, 67]  # 73.5, 47, 67.25
    assert mixed[0, 0].tolist() == IMAGE[0, 0].tolist(), "other shows the image"
    assert mixed[1, 2].tolist() == IMAGE[1, 2].tolist()


@pytest.mark.parametrize("opacity", [0, 0.5, 1])
def test_overlay_of_a_high_picture(opacity):
    """The overlay is mixed some rows at a time."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (2 * ROWS + 5, 7, 3), dtype=np.uint8)
    annotation = rng.integers(1, 4, image.shape[:2], dtype=np.uint8)
    mixed = np.rint((1 - opacity) * image + opacity * COLOURS[annotation])
    assert np.array_equal(overlay(image, annotation, COLOURS, opacity), mixed)


@pytest.mark.parametrize(
    ("values", "colours"),
    [(ANNOTATION, COLOURS), (np.arange(255, dtype=np.uint8).reshape(15, 17), palette(254))],
    ids=["few classes", "most classes"],
)
def test_label_png_keeps_values_and_shows_colours(tmp_path, values, colours):
    save_label_png(tmp_path / "a.png", values, colours)
    assert (tmp_path / "a.png").read_bytes()[24:26] == bytes((8, 3)), "8 bits, palette"
    with Image.open(tmp_path / "a.png") as picture:
        assert np.array_equal(np.asarray(picture), values)
        assert np.array_equal(np.asarray(picture.convert("RGB")), colours[values])


def test_shrinking():
    rng = np.random.default_rng(0)
    values = rng.choice(np.array([0, 2, 150], np.uint8), (300, 200))
    assert shrink(values, 60).shape == (60, 40)
    assert set(np.unique(shrink(values, 60))) <= {0, 2, 150}, "no class that was not there"
    image = rng.integers(0, 256, (300, 200, 3), dtype=np.uint8)
    assert shrink(image, 60).shape == (60, 40, 3)
    assert shrink(image, 60).std() < image.std() / 2, "averaged, not sampled"
    assert np.array_equal(shrink(image, 300), image), "small enough already"
    assert shrink(values[:1], 20).shape == (1, 20)


def test_boundaries_are_drawn_between_values():
    values = np.array([[1, 1, 2], [1, 1, 2], [3, 3, 2]], np.uint8)
    image = np.full((3, 3, 3), 7, np.uint8)
    drawn = outlined(image, values)
    assert drawn.dtype == np.uint8
    expected = [[7, 255, 0], [255, 255, 0], [0, 255, 0]]  # white beside or above another value, black behind it
    assert drawn.tolist() == np.repeat(np.array(expected)[..., np.newaxis], 3, axis=-1).tolist()
    assert (image == 7).all(), "the image itself stays"
    assert np.array_equal(outlined(image, values * 0), image)


def test_boundaries_can_be_wider():
    values = np.array([[1, 1, 1, 2, 2, 2, 2]], np.uint8)
    image = np.full((1, 7, 3), 7, np.uint8)
    assert outlined(image, values, 2)[0, :, 0].tolist() == [7, 255, 255, 0, 0, 7, 7]
    assert outlined(image, values, 5)[0, :, 0].tolist() == [255] * 3 + [0] * 4, "wider than the regions"
    assert outlined(image.transpose(1, 0, 2), values.T, 2)[:, 0, 0].tolist() == [7, 255, 255, 0, 0, 7, 7]
    noise = np.random.default_rng(0).integers(1, 3, (2 * ROWS + 5, 9), np.uint8).repeat(2, axis=1)
    sides = [np.zeros(noise.shape, bool) for _ in range(2)]
    for (y, x), (down, across) in itertools.product(
        np.ndindex(noise.shape), ((1, 0), (2, 0), (3, 0), (0, 1), (0, 2), (0, 3))
    ):
        if y + down < noise.shape[0] and x + across < noise.shape[1] and noise[y, x] != noise[y + down, x + across]:
            sides[0][y, x] = sides[1][y + down, x + across] = True
    drawn = outlined(np.full((*noise.shape, 3), 7, np.uint8), noise, 3)[..., 0]
    assert np.array_equal(drawn, np.select(sides, (255, 0), 7)), "as pixel by pixel, though some rows at a time"
    pole = np.array([[1, 1, 2, 1, 1]], np.uint8)
    assert outlined(image[:, :5], pole)[0, :, 0].tolist() == [7, 255, 255, 0, 7], "white first"


def test_urls_hold_pictures():
    assert data_url("image/png", b"\0\1") == "data:image/png;base64,AAE="
    rng = np.random.default_rng(0)
    image = np.repeat(np.repeat(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), 32, axis=0), 32, axis=1)
    url = photo_url(image)
    assert url == photo_url(image.copy())
    with decoded(url) as picture:
        assert picture.format == "WEBP"
        assert np.abs(np.asarray(picture).astype(int) - image).mean() < 10
    assert len(url) < image.nbytes / 10
