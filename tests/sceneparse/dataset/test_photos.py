"""Decoding of pictures: orientation, odd files and refusals; tests/test_doors.py has every kind of picture."""

import io
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from datasets import encoded
from photos import PICTURE, near, picture, png, turned, vast
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from sceneparse.dataset.images import resize_image
from sceneparse.dataset.photos import decode, decode_photo, decode_resized, picture_sizes
from sceneparse.dataset.picture_formats import LARGEST, TooLargeError, read_picture


def test_the_first_picture_of_an_mpo_stands_as_its_exif_says():
    options = {"quality": 95, "subsampling": 0, "save_all": True, "append_images": [Image.new("RGB", (60, 40))]}
    assert near(decode_photo(encoded(picture(), "MPO", exif=turned(), **options)), np.rot90(PICTURE, -1))


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, PICTURE),
        (2, PICTURE[:, ::-1]),
        (3, PICTURE[::-1, ::-1]),
        (4, PICTURE[::-1]),
        (5, PICTURE.transpose(1, 0, 2)),
        (6, np.rot90(PICTURE, -1)),
        (7, PICTURE[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(PICTURE)),
        (99, PICTURE),
    ],
)
def test_every_orientation(orientation, upright):
    assert np.array_equal(decode_photo(encoded(picture(), "PNG", exif=turned(orientation))), upright)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_in_xmp_turns_nothing(format):
    """Viewers and browsers take that of EXIF alone."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    options = {"pnginfo": PngInfo()} if format == "PNG" else {"xmp": xmp}
    if format == "PNG":
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    content = encoded(picture(), format, **options)
    assert Image.open(io.BytesIO(content)).getexif()[0x0112] == 6, "Pillow takes it"
    assert near(decode_photo(content), PICTURE)
    assert picture_sizes(content) == ((60, 40), (60, 40), False)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_a_turned_picture_is_resized_as_it_stands(orientation, interpolation):
    """Scale in the JPEG decoder too, to sizes that are no whole numbers of pixels."""
    smooth = picture().resize((333, 221), Image.Resampling.BICUBIC)
    content = encoded(smooth, "JPEG", quality=95, exif=turned(orientation))
    whole = decode(content).image
    size = (40, 60) if orientation > 4 else (60, 40)
    resized = decode_resized(content, *size, interpolation, beside=whole.size).image
    difference = np.asarray(resized, int) - np.asarray(resize_image(whole, *size, interpolation))
    assert np.abs(difference).mean() < (1 if interpolation == "bilinear" else 1e-9)


def test_odd_metadata_does_not_hide_a_picture():
    exif = turned()
    exif[0x010F] = "maker"
    content = encoded(picture(), "JPEG", quality=95, subsampling=0, exif=exif)
    odd = content.replace(b"\x01\x0f\x00\x02", b"\x01\x00\x00\x02", 1)  # the width, as a text
    assert near(decode_photo(odd), np.rot90(PICTURE, -1))
    with Image.open(io.BytesIO(odd)) as opened, pytest.raises(struct.error):
        ImageOps.exif_transpose(opened)


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_transparent_colour_of_a_palette_is_a_colour(format):
    colours = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    colours.putpalette(list(range(36)))
    content = encoded(colours, format, transparency=5)
    assert np.array_equal(decode_photo(content), np.arange(36).reshape(3, 4, 3))
    assert decode(content).lost == ("alpha",)
    assert decode(encoded(colours, format)).lost == ()


def test_16_bit_gray_with_a_gray_that_is_transparent():
    samples = np.array([[0, 0x1234, 0x1235, 0xFF00]], np.uint16)
    decoded = decode(encoded(Image.fromarray(samples), "PNG", transparency=0x1234))
    assert np.asarray(decoded.image)[0, :, 0].tolist() == [0, 0x12, 0x12, 255]
    assert decoded.lost == ("alpha", "depth")


def test_a_damaged_second_frame_does_not_hide_the_first():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((200, 0, 0), (0, 200, 0))]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(content).lost == ("frames",)
    assert near(decode_photo(content[:-20]), np.asarray(frames[0]))


def test_the_preview_in_a_cameras_raw_file_is_no_picture():
    """TIFF's reader sees the first picture in it, often a thumbnail."""
    content = encoded(picture(), "TIFF", tiffinfo={254: 1})
    with pytest.raises(ValueError, match="raw file, of which only a preview can be read"):
        decode(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),  # Pillow would start Ghostscript
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heix" + bytes(99), "HEIC"),
        (b"8BPS\0\1" + bytes(99), "PSD"),
        (b"\n <!DOCTYPE html><html>404</html>", "not a picture but a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "not a picture but a pointer of Git LFS"),
    ],
    ids=["empty", "PostScript", "HEIC as mif1", "PSD", "HTML", "Git LFS"],
)
def test_what_is_no_photo_is_refused(content, message):
    with pytest.raises(ValueError, match=message) as caught:
        decode_photo(content)
    assert not isinstance(caught.value, TooLargeError)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png(65_501, 1, 8, 2), r"65501 x 1 pixels.*limit of 65500"),
        (png(15_000, 15_000, 8, 2), r"more pixels than the limit of 178956970$"),  # where Pillow refuses
    ],
    ids=["long", "too large for Pillow"],
)
def test_what_is_too_large_is_refused(content, message):
    with pytest.raises(TooLargeError, match=message):
        decode_photo(content)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_picture_that_is_cut_off_is_refused(format, share):
    content = encoded(Image.effect_noise((90, 90), 64), format)
    with pytest.raises(ValueError, match=r"."):
        decode_photo(content[: int(share * len(content))])


def test_a_broken_png_is_refused():
    content = bytearray(encoded(Image.effect_noise((90, 90), 64), "PNG"))
    content[content.index(b"IDAT") - 2] -= 4  # of its length, 1024 bytes
    with pytest.raises(ValueError, match="broken PNG file"):
        decode_photo(bytes(content))


def test_a_huge_picture_is_decoded_unless_a_lower_limit_is_named():
    """Pillow warns of such pictures, and refuses twice as many pixels."""
    content = encoded(Image.new("1", (9_500, 9_500)), "PNG")
    with pytest.raises(TooLargeError, match="90250000 pixels exceed the limit of 89478485"):
        decode_photo(content, LARGEST)
    decoded = decode_photo(content)
    assert decoded.shape == (9_500, 9_500, 3)
    assert not decoded.any()


def test_a_file_that_no_memory_holds_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="4398046511104 bytes, the limit is"):
        read_picture(vast(tmp_path / "a.tif"))
    monkeypatch.setattr("sceneparse.dataset.picture_formats.MOST_BYTES", 1 << 43)
    with pytest.raises(ValueError, match="more memory than there is"):
        read_picture(tmp_path / "a.tif")


def test_damaged_metadata_warns_nobody_while_several_threads_decode():
    """Warning filters belong to the process: one thread must not reset them while another decodes."""
    exif = turned()
    exif[0x010F] = "a maker whose name does not lie in its entry"
    odd = encoded(picture(), "JPEG", quality=95, subsampling=0, exif=exif.tobytes()[:-20])
    with pytest.warns(UserWarning, match="Truncated"):
        Image.open(io.BytesIO(odd)).close()
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        assert len({decoded.tobytes() for decoded in pool.map(decode_photo, 100 * [odd])}) == 1
    assert warnings.filters == before
