"""Every kind of picture, through every command that reads pictures: all decode the same pixels."""

import hashlib
from functools import partial

import numpy as np
import pytest
from datasets import demo_params, encoded
from doors import Doors
from photos import PICTURE, picture, png, turned
from PIL import Image, features
from small_model import SIZE, save_small_model

from sceneparse.convert.inspection import inspect
from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.photos import LOST
from sceneparse.export.agreement import fitted
from sceneparse.inference.loading import load_parser
from sceneparse.inference.views import ONE_VIEW
from stages.evaluate.stage import score_originals
from stages.prepare.encode import Work, encode_pairs, signature

GRAY = np.asarray(picture("L"))
STRIPES = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60) * 27  # 16 bits
FOURTH = Image.new("L", (60, 40), 40)
FRAMES = {"save_all": True, "append_images": [Image.new("RGB", (60, 40), (0, 255, 0))]}


def gray(values):
    return np.repeat(np.asarray(values, np.uint8)[..., None], 3, axis=2)


def with_fourth(mode="RGB"):
    image = picture(mode)
    image.putalpha(FOURTH)
    return image


def rgbx():
    bands = (*picture().split(), FOURTH)
    return Image.merge("RGBX", bands)


def rgb_16():
    samples = (PICTURE.astype(int) * 256 + 200).astype(">u2")
    return png(60, 40, 16, 2, [row.tobytes() for row in samples])


def palette(**options):
    return encoded(picture().quantize(8), "PNG", **options)


UPRIGHT = np.rot90(PICTURE, -1)
# suffix, content, expected pixels, kinds of LOST, and how far pixels may differ on average
KINDS = {
    "gray": (".png", encoded(picture("L"), "PNG"), gray(GRAY), (), 0),
    "gray, alpha": (".png", encoded(with_fourth("L"), "PNG"), gray(GRAY), ("alpha",), 0),
    "gray, 16 bits": (".png", encoded(Image.fromarray(STRIPES), "PNG"), gray(STRIPES >> 8), ("depth",), 0),
    "gray TIFF, 16 bits": (".tif", encoded(Image.fromarray(STRIPES), "TIFF"), gray(STRIPES >> 8), ("depth",), 0),
    "big-endian": (".tif", encoded(Image.fromarray(STRIPES.astype(">u2")), "TIFF"), gray(STRIPES >> 8), ("depth",), 0),
    "1 bit": (".png", encoded(Image.fromarray(GRAY > 99), "PNG"), gray(255 * (GRAY > 99)), (), 0),
    "RGB": (".png", encoded(picture(), "PNG"), PICTURE, (), 0),
    "RGB JPEG": (".jpg", encoded(picture(), "JPEG", quality=95, subsampling=0), PICTURE, (), 3),
    "RGB, 16 bits": (".png", rgb_16(), PICTURE, ("depth",), 0),
    "RGBA": (".png", encoded(with_fourth(), "PNG"), PICTURE, ("alpha",), 0),
    "RGBA, opaque": (".png", encoded(picture("RGBA"), "PNG"), PICTURE, (), 0),
    "RGBA TIFF": (".tif", encoded(with_fourth(), "TIFF"), PICTURE, ("alpha",), 0),
    "RGBX TIFF": (".tiff", encoded(rgbx(), "TIFF"), PICTURE, ("alpha",), 0),
    "RGBA WebP": (".webp", encoded(with_fourth(), "WEBP", lossless=True, exact=True), PICTURE, ("alpha",), 0),
    "palette": (".png", palette(), PICTURE, (), 0),
    "palette, transparent": (".png", palette(transparency=bytes([40]) * 256), PICTURE, ("alpha",), 0),
    "CMYK JPEG": (".jpg", encoded(picture("CMYK"), "JPEG", quality=95), PICTURE, ("cmyk",), 5),
    "CMYK TIFF": (".tif", encoded(picture("CMYK"), "TIFF"), PICTURE, ("cmyk",), 0),
    "YCbCr": (".tif", encoded(picture("YCbCr"), "TIFF"), PICTURE, (), 3),
    "LAB": (".tif", encoded(picture("LAB"), "TIFF"), PICTURE, (), 12),
    "BMP": (".bmp", encoded(picture(), "BMP"), PICTURE, (), 0),
    "GIF, frames": (".gif", encoded(picture(), "GIF", **FRAMES), PICTURE, ("frames",), 3),
    "TIFF, pages": (".tif", encoded(picture(), "TIFF", **FRAMES), PICTURE, ("frames",), 0),
    "WebP, frames": (".webp", encoded(picture(), "WEBP", lossless=True, **FRAMES), PICTURE, ("frames",), 0),
    "APNG": (".png", encoded(picture(), "PNG", **FRAMES), PICTURE, ("frames",), 0),
    "MPO": (".jpg", encoded(picture(), "MPO", quality=95, subsampling=0, **FRAMES), PICTURE, ("frames",), 3),
    "turned JPEG": (".jpg", encoded(picture(), "JPEG", quality=95, subsampling=0, exif=turned()), UPRIGHT, (), 3),
    "turned PNG": (".png", encoded(picture(), "PNG", exif=turned()), UPRIGHT, (), 0),
    "turned WebP": (".webp", encoded(picture(), "WEBP", lossless=True, exif=turned()), UPRIGHT, (), 0),
    "turned TIFF": (".tif", encoded(picture(), "TIFF", exif=turned()), UPRIGHT, (), 0),
}
if features.check("avif"):
    KINDS["AVIF"] = ".avif", encoded(picture(), "AVIF", quality=100), PICTURE, (), 5
    KINDS["turned AVIF"] = ".avif", encoded(picture(), "AVIF", quality=100, exif=turned()), UPRIGHT, (), 5
REFUSED = {
    "32-bit integer": (".tif", encoded(Image.new("I", (60, 40), 7), "TIFF"), "32 bits a sample"),
    "32-bit float": (".tif", encoded(Image.new("F", (60, 40), 0.5), "TIFF"), "32 bits a sample"),
    "HEIC": (".jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "HEIC, which is not read here: save it as"),
    "PPM": (".png", encoded(picture(), "PPM"), "PPM, which is not read here"),
}


def digest(pixels):
    height, width = pixels.shape[:2]
    return hashlib.blake2b(repr((width, height)).encode() + pixels.tobytes(), digest_size=16).digest()


@pytest.mark.parametrize("kind", KINDS)
def test_every_door_shows_the_same_pixels(tmp_path, monkeypatch, capsys, kind):
    suffix, content, expected, lost, tolerance = KINDS[kind]
    doors = Doors(tmp_path, suffix, content, expected.shape[1::-1])
    pixels, lost_in_predict = doors.predict()
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).mean() <= tolerance
    assert lost_in_predict == lost

    shown, answer = doors.web()
    assert answer["notes"] == [LOST[kind] for kind in lost]
    assert answer["picture"] or not {"alpha", "frames"}.intersection(lost), "a browser would show these"
    as_stored = doors.submit()
    stored = kind.startswith("turned") and suffix != ".tif"
    photo, validation = doors.export(monkeypatch)
    made = doors.convert(monkeypatch)
    same = {
        "web": shown,
        "evaluate": doors.evaluate(),
        "export, photos": photo,
        "export, validation": validation,
        "submit": np.rot90(as_stored, -1) if stored else as_stored,
        "convert, evaluate": doors.evaluate(made),
    }
    for door, decoded in same.items():
        assert np.array_equal(decoded, pixels), door
    for dataset in (None, made):
        assert np.abs(doors.recorded(dataset).astype(int) - pixels).mean() < 6, "except for the JPEG's blurred colours"

    assert doors.prepare().lost == dict.fromkeys(lost, 1)
    report = inspect(doors.dataset, 1)
    assert [of_pixels for _, of_pixels in report.contents["training"].digests] == [digest(pixels)]
    assert {finding.kind for finding in report.findings if finding.kind in LOST} == {*lost}
    if suffix not in (".jpg", ".png"):
        for lost_kind in lost:
            assert f"2 pictures: {LOST[lost_kind]}" in capsys.readouterr().out


@pytest.mark.parametrize("kind", REFUSED)
def test_what_no_door_reads_is_named_by_each(tmp_path, monkeypatch, capsys, kind):
    suffix, content, message = REFUSED[kind]
    doors = Doors(tmp_path, suffix, content, (60, 40))
    (problem,) = doors.prepare().problems
    assert message in problem
    with pytest.raises(ValueError, match=message):
        doors.web()
    exported, made = partial(doors.export, monkeypatch), partial(doors.convert, monkeypatch)
    for door in (doors.evaluate, doors.predict, doors.submit, exported, made):
        with pytest.raises(InputError) as refused:
            door()
        assert message in str(refused.value) + capsys.readouterr().err
    assert [message in finding.text for finding in inspect(doors.dataset, 1).findings].count(True) == 2


def test_a_picture_too_thin_to_be_cropped_is_named(tmp_path):
    """Prepare and evaluate refuse it; export compares with a smaller view of it."""
    doors = Doors(tmp_path, ".png", encoded(Image.new("RGB", (20_000, 5)), "PNG"), (20_000, 5))
    params = demo_params(prepare={"mode": "crop", "size": SIZE})
    parser = load_parser(save_small_model(tmp_path, ("a", "b"), mode="crop"))
    with Archive(doors.dataset) as archive:
        work = Work(doors.dataset, signature(doors.dataset), archive.pairs("validation"), params.prepare)
        (problem,) = encode_pairs(work).problems
        assert problem.startswith("x: 20000 x 5 pixels become ")
        with pytest.raises(InputError, match="20000 x 5 pixels become ") as refused:
            score_originals(parser, archive, ONE_VIEW)
    assert refused.value.file == "images/validation/x.png"
    pixels = np.zeros((5, 20_000, 3), np.uint8)
    assert fitted(pixels, parser.card.preprocessing, None).shape == (1, SIZE, 3)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_a_picture_whose_annotation_fits_as_stored_stays_so_in_a_dataset(tmp_path, monkeypatch, interpolation):
    """Keep ADE20K's protocol for datasets; predict, which has no annotation, turns the picture upright."""
    doors = Doors(tmp_path, ".png", encoded(picture(), "PNG", exif=turned()), (60, 40))
    photo, validation = doors.export(monkeypatch)
    for pixels in (doors.evaluate(), validation, doors.submit()):
        assert np.array_equal(pixels, PICTURE)
    assert np.array_equal(doors.predict()[0], UPRIGHT)
    assert np.array_equal(photo, UPRIGHT)
    assert np.abs(doors.recorded(interpolation=interpolation).astype(int) - PICTURE).mean() < 6
    report = inspect(doors.dataset, 1)
    assert report.usable
    assert [finding.text[:6] for finding in report.findings if finding.kind == "as_stored"] == ["1 of 1"] * 2


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_where_both_fit_a_picture_is_upright(tmp_path, orientation):
    doors = Doors(tmp_path, ".jpg", encoded(picture(), "JPEG", quality=95, exif=turned(orientation)), (60, 40))
    assert np.array_equal(doors.evaluate(), doors.predict()[0])
    turned_in = [finding.where for finding in inspect(doors.dataset, 1).findings if finding.kind == "orientation"]
    assert turned_in == ["training", "validation"]
