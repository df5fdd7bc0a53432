"""Overlays of `sceneparse predict`: boundaries that grow with the picture, and names inside large regions."""

import numpy as np
import pytest
from PIL import Image
from small_model import save_small_model

from sceneparse.inference.loading import load_parser
from sceneparse.predict.drawing import Look, draw_overlay, places
from sceneparse.predict.predict import predict
from sceneparse.scores.overlays import outlined, overlay
from sceneparse.scores.palette import class_palette

CLASSES = ("sky", "tree", "signboard")
COLOURS = class_palette(CLASSES)


def drawn(annotation, names=True, classes=CLASSES):
    """Return an overlay over gray, and where names changed it."""
    image = np.full((*annotation.shape, 3), 128, np.uint8)
    plain, named = (draw_overlay(image, annotation, classes, COLOURS, Look(0.6, names)) for names in (False, names))
    return named, (plain != named).any(axis=-1)


def box(mask):
    """Return top, left, bottom and right of a mask."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


@pytest.mark.parametrize(("side", "width"), [(400, 1), (1499, 1), (1501, 2), (4000, 4)])
def test_an_overlay_has_boundaries_in_proportion_to_its_size(side, width):
    annotation = np.ones((60, side), np.uint8)
    annotation[:, side // 2 :] = 2
    image = np.random.default_rng(0).integers(0, 256, (60, side, 3), np.uint8)
    found = draw_overlay(image, annotation, CLASSES, COLOURS, Look(0.6))
    assert np.array_equal(found, outlined(overlay(image, annotation, COLOURS, 0.6), annotation, width))
    assert (found == 255).all(axis=-1).sum() == (found == 0).all(axis=-1).sum() == 60 * width


@pytest.mark.parametrize("scale", [1, 4])
def test_names_are_written_inside_their_regions(scale):
    """Each connected region has its own; letters are white with a black outline, and larger in larger pictures."""
    annotation = np.ones((150, 300), np.uint8)  # sky
    annotation[50:140, 10:90] = annotation[60:145, 200:290] = 2  # two trees
    annotation[20:30, 150:170] = 3  # a signboard too small for its name
    annotation = annotation.repeat(scale, 0).repeat(scale, 1)
    named, changed = drawn(annotation)
    for value, rows, columns in ((2, (50, 140), (10, 90)), (2, (60, 145), (200, 290))):
        inside = np.zeros_like(changed)
        region = tuple(slice(*(scale * edge for edge in edges)) for edges in (rows, columns))
        inside[region] = True
        top, left, bottom, right = box(changed & inside)
        assert (annotation[top:bottom, left:right] == value).all()
        assert 9 * scale < bottom - top < 20 * scale
        letters = named[top:bottom, left:right].reshape(-1, 3)
        assert (letters == 255).all(axis=-1).any()
        assert (letters == 0).all(axis=-1).any()
    assert not changed[annotation == 3].any()
    sky = changed & (annotation == 1)
    top, left, bottom, right = box(sky)
    assert (annotation[top:bottom, left:right] == 1).all(), "one place, which no other region crosses"


def test_predict_writes_them_if_asked(tmp_path):
    model = save_small_model(tmp_path, CLASSES)
    image = np.full((150, 200, 3), 60, np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    found = []
    for names in (False, True):
        predict([str(tmp_path / "a.png")], model, None, tmp_path / "out", 0.6, names=names)
        with Image.open(tmp_path / "out/a.png") as labels, Image.open(tmp_path / "out/a_overlay.jpg") as mixed:
            found.append(np.asarray(mixed).astype(int))
            expected = draw_overlay(image, np.asarray(labels), CLASSES, load_parser(model).colours, Look(0.6, names))
        assert np.abs(found[-1] - expected).mean() < 3
    assert np.abs(found[0] - found[1]).max() > 100


def test_other_and_small_pictures_have_no_names():
    assert not drawn(np.zeros((200, 300), np.uint8))[1].any()
    assert not drawn(np.ones((8, 300), np.uint8))[1].any()
    assert not drawn(np.ones((1, 1), np.uint8))[1].any()
    assert drawn(np.ones((40, 300), np.uint8))[1].any()


@pytest.mark.parametrize("name", ["x" * 200, "a\x1b[2J", "空", "e\u0301", "\u202eabc"])
def test_any_name_can_be_drawn(name):
    drawn(np.ones((150, 300), np.uint8), classes=(name,))


def test_the_place_is_the_widest_part():
    mask = np.zeros((60, 100), bool)
    mask[10:20, 5:95] = True  # a long arm
    mask[10:50, 60:95] = True  # and a body
    ((x, y), room), *others = places(mask, (10, 4))
    assert others == []
    assert abs(x - 77) <= 2
    assert abs(y - 30) <= 6
    assert 3 < room <= 3.5, "the body is 35 wide"


def test_regions_that_touch_at_corners_are_two_and_a_winding_one_is_one():
    mask = np.zeros((40, 40), bool)
    mask[:20, :20] = mask[20:, 20:] = True
    assert len(list(places(mask, (10, 4)))) == 2
    winding = np.ones((40, 40), bool)
    winding[8::16, :36] = winding[16::16, 4:] = False
    assert len(list(places(winding, (10, 4)))) == 1
    assert list(places(winding, (10, 9))) == [], "no room between the walls"
    assert list(places(np.zeros((5, 5), bool), (1, 1))) == []


def test_a_picture_of_many_regions_takes_little_time():
    """A checkerboard has no room for names; a winding corridor takes the most steps."""
    board = (np.indices((256, 256)).sum(axis=0) % 2 + 1).astype(np.uint8)
    assert not drawn(board)[1].any()
    mask = np.ones((256, 256), bool)
    mask[14::16, :240] = mask[6::16, 16:] = False
    assert len(list(places(mask, (20, 5)))) == 1
