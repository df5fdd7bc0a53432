"""Fitting and annotations: image and annotation keep the same geometry, annotations keep their values."""

import io

import numpy as np
import pytest
from datasets import encoded
from photos import chunk, png
from PIL import Image

from sceneparse.dataset.images import (
    PADDING_RGB,
    Fit,
    decode_annotation,
    encode_annotation,
    fit,
    fit_pair,
    resize_image,
)
from sceneparse.dataset.photos import decode, decode_resized, picture_sizes
from sceneparse.dataset.picture_formats import TooLargeError

MODES = ("squash", "crop", "letterbox")
SHAPES = [(64, 64), (100, 60), (61, 97), (33, 200), (20, 11), (1, 40), (683, 512)]  # width, height


def noise(*shape, high=256, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape, np.uint8)


@pytest.mark.parametrize(
    ("width", "height", "mode", "expected"),
    [
        (683, 512, "squash", Fit(256, 256, 0, 0)),
        (5, 900, "squash", Fit(256, 256, 0, 0)),
        (512, 512, "crop", Fit(256, 256, 0, 0)),
        (683, 512, "crop", Fit(342, 256, -43, 0)),  # 341.5 wide
        (512, 683, "crop", Fit(256, 342, 0, -43)),
        (257, 256, "crop", Fit(257, 256, -1, 0)),
        (512, 512, "letterbox", Fit(256, 256, 0, 0)),
        (683, 512, "letterbox", Fit(256, 192, 0, 32)),
        (333, 500, "letterbox", Fit(170, 256, 43, 0)),
        (256, 253, "letterbox", Fit(256, 253, 0, 1)),  # the odd row goes below
        (2000, 2, "letterbox", Fit(256, 1, 0, 127)),  # never thinner than a pixel
        (10, 20, "letterbox", Fit(128, 256, 64, 0)),
    ],
)
def test_fit(width, height, mode, expected):
    assert fit(width, height, 256, mode) == expected


def test_a_thin_picture_is_cropped_from_no_more_than_64_squares():
    assert fit(5, 320, 256, "crop") == Fit(256, 64 * 256, 0, -63 * 128)
    with pytest.raises(TooLargeError, match="5 x 325 pixels become 256 x 16640 by mode crop, more than 64 squares"):
        fit(5, 325, 256, "crop")
    assert fit(5, 65_500, 256, "letterbox").height == fit(5, 65_500, 256, "squash").height == 256


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_annotations_keep_to_their_values(mode, width, height):
    values = np.array([0, 1, 2, 7, 148, 150, 254], np.uint8)
    annotation = Image.fromarray(values[noise(height, width, high=7, seed=width)])
    image = Image.fromarray(noise(height, width, 3))
    _, fitted = fit_pair(image, annotation, fit(width, height, 64, mode), 64)
    assert fitted.size == (64, 64)
    assert fitted.mode == "L"
    assert set(np.unique(fitted)) <= {0, *np.unique(annotation)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("width", "height"), [(200, 150), (150, 201), (128, 64), (90, 90), (40, 30)])
def test_image_and_annotation_show_the_same_place(mode, width, height):
    rows, columns = np.mgrid[:height, :width]
    for ramp in (255 * columns / (width - 1), 255 * rows / (height - 1)):
        place = np.rint(ramp).astype(np.uint8)
        pair = Image.fromarray(place[:, :, None].repeat(3, 2)), Image.fromarray(place)
        image, annotation = fit_pair(*pair, where := fit(width, height, 64, mode), 64)
        inside = np.zeros((64, 64), bool)
        inside[max(where.top, 0) : where.top + where.height, max(where.left, 0) : where.left + where.width] = True
        # They may differ by rounding to the nearest pixel of the original or of the square, whichever is coarser.
        step = 255 / min(width, height, where.width, where.height)
        difference = np.asarray(image, int)[:, :, 0] - np.asarray(annotation, int)
        assert np.abs(difference[inside]).max() <= step
        assert abs(difference[inside].mean()) < step / 3  # no shift


def test_letterbox_pads_with_the_mean_colour_and_other():
    image, annotation = Image.new("RGB", (100, 50), (1, 2, 3)), Image.new("L", (100, 50), 7)
    image, annotation = map(np.asarray, fit_pair(image, annotation, fit(100, 50, 64, "letterbox"), 64))
    assert PADDING_RGB == (124, 117, 104)
    outside = np.r_[0:16, 48:64]
    assert (image[outside] == PADDING_RGB).all()
    assert (annotation[outside] == 0).all()
    assert (image[16:48] == (1, 2, 3)).all()
    assert (annotation[16:48] == 7).all()


@pytest.mark.parametrize(("width", "height"), [(96, 64), (64, 96), (97, 64)])
def test_crop_keeps_the_centre(width, height):
    image, annotation = noise(height, width, 3), noise(height, width)
    where = fit(width, height, 64, "crop")
    fitted, fitted_annotation = fit_pair(Image.fromarray(image), Image.fromarray(annotation), where, 64)
    top, left = (height - 64 + 1) // 2, (width - 64 + 1) // 2
    assert np.array_equal(fitted, image[top : top + 64, left : left + 64])
    assert np.array_equal(fitted_annotation, annotation[top : top + 64, left : left + 64])


def test_a_picture_of_the_right_size_is_not_touched():
    image = Image.fromarray(noise(32, 32, 3))
    assert resize_image(image, 32, 32) is image
    where = fit(32, 32, 32, "squash")
    fitted, annotation = fit_pair(image, Image.fromarray(noise(32, 32)), where, 32)
    assert np.array_equal(fitted, image)
    assert np.array_equal(annotation, noise(32, 32))


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    shrunk = np.asarray(resize_image(Image.fromarray(stripes), 8, 8), int)
    assert np.abs(shrunk - 127).max() < 20


# Scaled by 1/2, 1/2, 1/4 and 1/8, most to sizes that are no whole numbers of pixels; and not scaled.
@pytest.mark.parametrize(("width", "height"), [(683, 512), (1022, 767), (1027, 1025), (2049, 2055), (640, 427)])
def test_scaled_decoding_gives_nearly_the_same_picture(width, height):
    smooth = Image.fromarray(noise(12, 16, 3)).resize((width, height), Image.Resampling.BICUBIC)
    content = encoded(smooth, "JPEG", quality=90)
    scaled = decode_resized(content, 256, 256).image
    whole = decode(content).image
    assert whole.size == picture_sizes(content).stored == (width, height)
    difference = np.asarray(scaled, int) - np.asarray(resize_image(whole, 256, 256), int)
    assert np.abs(difference).mean() < 0.5
    assert np.abs(difference).max() < 8


def test_a_grayscale_jpeg_becomes_three_equal_channels():
    gray = Image.fromarray(noise(6, 8)).resize((40, 30), Image.Resampling.BICUBIC)
    image = np.asarray(decode_resized(encoded(gray.resize((80, 60)), "JPEG", quality=95), 40, 30).image, int)
    assert np.abs(image - np.asarray(gray)[..., None]).mean() < 2


@pytest.mark.parametrize(
    "content",
    [
        png(4, 1, 8, 3, [bytes([0, 1, 2, 3])], chunk(b"PLTE", bytes(range(12)))),
        png(2, 1, 16, 0, [bytes([0, 1, 0, 150])]),
        png(4, 1, 4, 0, [bytes([0x01, 0x23])]),  # Pillow would read 0, 17, 34, 51
        png(4, 1, 2, 0, [bytes([0b00011011])]),
        png(8, 1, 1, 0, [bytes([0b00011011])]),
        png(1, 1, 8, 2, [bytes([1, 1, 1])]),
        png(1, 1, 8, 4, [bytes([1, 255])]),
        encoded(Image.new("L", (4, 4), 3), "JPEG"),
        b"P5\n#" + b"." * 20 + b"\x08\0\n1 1\n255\n\x05",  # with a PNG's bytes in the right place
    ],
    ids=["palette", "16 bits", "4 bits", "2 bits", "1 bit", "RGB", "alpha", "JPEG", "PGM"],
)
def test_annotations_of_another_kind_are_refused(content):
    Image.open(io.BytesIO(content)).load()  # a valid picture all the same
    with pytest.raises(ValueError, match=r"expected an 8-bit grayscale PNG, got (PNG|JPEG) of mode|^PPM, which"):
        decode_annotation(content)


@pytest.mark.parametrize("decode", [decode, decode_annotation, picture_sizes])
@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n\0\0"])
def test_no_picture(decode, content):
    with pytest.raises(ValueError, match=r"^not a picture, or cut off in its header$"):
        decode(content)


@pytest.mark.parametrize("decode", [decode_annotation, picture_sizes])
def test_a_picture_that_would_fill_the_memory_is_refused(decode):
    with pytest.raises(ValueError, match="more pixels than the limit"):
        decode(png(60_000, 60_000, 8, 0, []))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (64, 64), (17, 5), (300, 3)])
def test_annotations_are_stored_without_loss(width, height):
    values = noise(height, width, seed=width)
    content = encode_annotation(Image.fromarray(values))
    for stored in (content, encoded(Image.fromarray(values), "PNG")):
        assert np.array_equal(decode_annotation(stored), values)
    assert len(encode_annotation(Image.new("L", (256, 256), 150))) < 700
    with Image.open(io.BytesIO(content)) as opened:
        opened.verify()  # the checksums of its chunks
