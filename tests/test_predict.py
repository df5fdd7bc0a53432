"""sceneparse predict, and the pictures that people have."""

import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from cards import make_card
from datasets import encoded
from models import model_params
from PIL import Image, ImageOps

from pipeline.predict import predict, read_picture, save_prediction
from stages.data.photos import decode_photo
from stages.errors import InputError

PICTURE = np.zeros((40, 60, 3), np.uint8)
PICTURE[:, :20] = (250, 10, 10)
PICTURE[:10] = (10, 10, 250)
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]])
CLOCKWISE = 6  # EXIF: to be turned by 90 degrees to stand upright


def picture(mode="RGB"):
    return Image.fromarray(PICTURE).convert(mode)


def turned(orientation=CLOCKWISE):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def png(width, height, depth, row=b""):
    """An RGB PNG as Pillow does not write it."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")


def near(decoded, expected, tolerance=12):
    assert decoded.shape == expected.shape
    return np.abs(decoded.astype(int) - expected.astype(int)).mean() < tolerance


# --- decoding


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("MPO", {"quality": 95, "subsampling": 0, "save_all": True, "append_images": [Image.new("RGB", (60, 40))]}),
    ],
)
def test_a_picture_stands_as_its_exif_says(format, options):
    decoded = decode_photo(encoded(picture(), format, exif=turned(), **options))
    assert near(decoded, np.rot90(PICTURE, -1))
    assert near(decode_photo(encoded(picture(), format, **options)), PICTURE)


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


def test_odd_metadata_does_not_hide_a_picture():
    exif = turned()
    exif[0x010F] = "maker"
    content = encoded(picture(), "JPEG", quality=95, subsampling=0, exif=exif)
    odd = content.replace(b"\x01\x0f\x00\x02", b"\x01\x00\x00\x02", 1)  # the width, as a text
    assert near(decode_photo(odd), np.rot90(PICTURE, -1))
    with Image.open(io.BytesIO(odd)) as opened, pytest.raises(struct.error):
        ImageOps.exif_transpose(opened)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LAB"])
def test_modes_become_rgb(mode):
    expected = np.asarray(picture("L" if mode in "L1" else "RGB").convert("RGB"))
    format = "TIFF" if mode in ("CMYK", "YCbCr", "LAB") else "PNG"
    assert near(decode_photo(encoded(picture(mode), format)), expected, 60 if mode == "1" else 12)


def test_a_cmyk_jpeg_is_no_negative():
    assert near(decode_photo(encoded(picture("CMYK"), "JPEG", quality=95)), PICTURE)


@pytest.mark.parametrize(
    ("format", "order"), [("PNG", "<u2"), ("TIFF", "<u2"), ("TIFF", ">u2")], ids=["PNG", "TIFF", "TIFF, big-endian"]
)
def test_16_bit_gray_keeps_its_upper_bits(format, order):
    gray = np.linspace(0, 65535, 300).astype(order).reshape(15, 20)
    decoded = decode_photo(encoded(Image.fromarray(gray), format))
    assert np.array_equal(decoded, np.repeat((gray >> 8)[..., None], 3, axis=2))


def test_16_bit_colour_png():
    """Pillow reads these, but writes none."""
    row = struct.pack(">6H", 0, 0x8000, 0xFFFF, 0x1234, 0x5678, 0x9ABC)
    assert decode_photo(png(2, 1, 16, row)).tolist() == [[[0, 0x80, 0xFF], [0x12, 0x56, 0x9A]]]


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "GIF"])
def test_what_is_transparent_becomes_white(format):
    alpha = picture("RGBA")
    alpha.putalpha(Image.fromarray(np.where(np.arange(60) < 30, 255, 0).astype(np.uint8)[None].repeat(40, axis=0)))
    decoded = decode_photo(encoded(alpha, format, **({"lossless": True} if format == "WEBP" else {})))
    assert (decoded[:, 30:] == 255).all(), "not the colours that lie hidden there"
    assert near(decoded[:, :30], PICTURE[:, :30])


def test_half_transparent_gray():
    decoded = decode_photo(encoded(Image.new("LA", (2, 2), (55, 128)), "PNG"))
    assert near(decoded, np.full((2, 2, 3), 155), 1)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_the_first_of_several_frames(format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200))]
    content = encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=100)
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.n_frames == 3
    assert near(decode_photo(content), np.asarray(frames[0]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),  # Pillow would start Ghostscript
        (encoded(picture(), "PPM"), "not a picture"),
        (encoded(Image.new("F", (3, 3)), "TIFF"), "32 bits a sample"),
        (encoded(Image.new("I", (3, 3)), "TIFF"), "32 bits a sample"),
        (png(65_501, 1, 8), r"65501 x 1 pixels.*limit of 65500"),
        (png(10_000, 9_000, 8), r"90000000 pixels.*limit"),  # where Pillow warns
        (png(15_000, 15_000, 8), r"225000000 pixels.*limit"),  # where Pillow refuses
    ],
    ids=["empty", "PostScript", "PPM", "float", "32 bits", "long", "large", "too large for Pillow"],
)
def test_what_is_no_photo_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
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


@pytest.mark.parametrize("kind", ["missing", "folder", "text"])
def test_what_cannot_be_read_is_refused_by_name(tmp_path, kind):
    path = tmp_path / "picture.jpg"
    if kind == "folder":
        path.mkdir()
    if kind == "text":
        path.write_text("no picture")
    with pytest.raises(InputError, match=r"the picture cannot be read[\s\S]*picture\.jpg"):
        read_picture(path)


# --- predicting


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network that tells red from the rest by its score layers' weights alone, and its card."""
    from stages.model.fcn8s import build_fcn8s
    from stages.model.saving import save_card, save_model

    network = build_fcn8s(3, model_params(width=1 / 64))
    kernel, bias = network.get_layer("score_pool3").weights
    rng = np.random.default_rng(0)
    kernel.assign(rng.normal(size=kernel.shape))
    bias.assign(np.zeros(bias.shape))
    path = tmp_path_factory.mktemp("model") / "fcn8s.keras"
    card = make_card(palette=["#ff0000", "#00ff00", "#0000ff"])
    save_model(network, path, card)
    save_card(path.with_suffix(".json"), path, card)
    return path


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "my photo.jpeg"
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    noise[:, :30] = 0
    Image.fromarray(noise).save(path, exif=turned())
    return path


def test_labels_overlay_and_shares(model, photo, tmp_path):
    from stages.model.inference import SceneParser

    parser, upright = SceneParser.load(model, model.with_suffix(".json")), read_picture(photo)
    found = save_prediction(parser, upright, tmp_path / "new/out/my photo", 0.25)
    assert upright.shape == (60, 40, 3)
    assert found.labels == tmp_path / "new/out/my photo.png"
    assert found.overlay == tmp_path / "new/out/my photo_overlay.jpg"
    assert set(found.labels.parent.iterdir()) == {found.labels, found.overlay}

    assert found.labels.read_bytes()[24:26] == bytes((8, 3)), "8 bits, palette"
    with Image.open(found.labels) as labels:
        assert labels.size == (40, 60)
        assert labels.getpalette()[:12] == COLOURS.ravel().tolist(), "the card's colours"
        values = np.asarray(labels)
    assert np.array_equal(values, parser.annotate(upright))
    with Image.open(found.overlay) as laid_over:
        assert near(np.asarray(laid_over), 0.75 * upright + 0.25 * COLOURS[values], 6)

    counts = sorted(((int((values == value).sum()), value) for value in (1, 2, 3)), reverse=True)
    assert len([count for count, _ in counts if count]) > 1, "a picture that tells orders apart"
    names = ("sky", "road", "tree")
    assert found.shares == tuple((value, names[value - 1], count / 2400) for count, value in counts if count)


def test_the_labels_never_take_the_pictures_place(model, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PICTURE).save(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="a folder to write to"):
        predict(path, model, None, tmp_path, 0.6)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_to(model, photo, tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="cannot be written"):
        predict(photo, model, None, tmp_path / "out", 0.6)


def test_a_named_card_must_be_there(model, photo, tmp_path):
    with pytest.raises(InputError, match=r"card cannot be read[\s\S]*none\.json"):
        predict(photo, model, tmp_path / "none.json", tmp_path / "out", 0.6)


def test_the_command(model, photo, tmp_path, root):
    """Prints the shares and the paths; what cannot be used is refused without a traceback."""

    def sceneparse(*arguments):
        command = [sys.executable, "-W", "error", "-m", "pipeline.cli", "predict", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    done = sceneparse(photo.name, "--model", model)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["class_id", "name", "share"]
    assert sum(float(line.split()[-1]) for line in lines[1:-3]) == pytest.approx(1, abs=1e-3)
    assert lines[-3:] == ["", "labels:  predictions/my photo.png", "overlay: predictions/my photo_overlay.jpg"]
    assert (tmp_path / "predictions/my photo.png").is_file()

    bad = tmp_path / "bad.keras"
    bad.write_bytes(model.read_bytes()[:-1])
    for arguments, message in (
        (["nowhere.jpg"], "the picture cannot be read"),
        ([photo.name, "--model", bad], "the model file is damaged"),
    ):
        done = sceneparse(*arguments)
        assert done.returncode == 1
        assert message in done.stderr
        assert "next: " in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
