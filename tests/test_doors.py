"""Every kind of picture, through every command that reads pictures: all decode the same pixels."""

import hashlib
import io
import zipfile

import numpy as np
import pytest
from datasets import class_table, demo_params, encoded
from mask_folders import converted
from photos import PICTURE, picture, png, turned
from PIL import Image, features

from sceneparse.convert.inspection import inspect
from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.photos import LOST
from sceneparse.export import agreement as export_check
from sceneparse.predict.benchmark_zip import Release
from sceneparse.predict.inputs import find_sources, read_source
from sceneparse.web.answer import Segmenter
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


class Recorder:
    """Stand-in for the model that keeps the pictures it gets."""

    classes = ("a", "b")
    colours = np.zeros((3, 3), np.uint8)

    def __init__(self):
        self.pixels = []

    def annotate(self, image, views=None):
        self.pixels.append(image)
        return np.ones(image.shape[:2], np.uint8)


class Doors:
    """One picture as a file, in a dataset with annotations of `size` (width, height), and in a benchmark's release."""

    def __init__(self, folder, suffix, content, size):
        self.folder, self.suffix, self.content = folder, suffix, content
        self.mask = Image.fromarray(np.arange(size[0] * size[1], dtype=np.uint8).reshape(size[::-1]) % 2 + 1)
        member = "x.jpg" if suffix == ".jpg" else "x.png"  # the suffixes of datasets; Pillow goes by the content
        self.dataset = folder / "dataset.zip"
        with zipfile.ZipFile(self.dataset, "w") as archive:
            archive.writestr("objectInfo150.txt", class_table(("a", "b")))
            for split in ("training", "validation"):
                archive.writestr(f"images/{split}/{member}", content)
                archive.writestr(f"annotations/{split}/x.png", encoded(self.mask, "PNG"))
        with zipfile.ZipFile(folder / "release.zip", "w") as archive:
            archive.writestr(f"testing/{member}", content)
        (folder / "photos").mkdir()
        (folder / f"photos/x{suffix}").write_bytes(content)

    def prepare(self, dataset=None, **changes):
        """Return the result of prepare's workers, at the picture's own size."""
        path = dataset or self.dataset
        params = demo_params(prepare={"mode": "letterbox", "jpeg_quality": 100, **changes}).prepare
        with Archive(path) as archive:
            pairs = archive.pairs("validation")
        size = max(self.mask.size)  # no multiple of 32, so not allowed in params.yaml
        return encode_pairs(Work(path, signature(path), pairs, params.model_copy(update={"size": size})))

    def recorded(self, dataset=None, **changes):
        """Return the picture in the record."""
        (record,) = self.prepare(dataset, **changes).records
        jpeg = Image.open(io.BytesIO(record[record.index(b"\xff\xd8\xff") :]))
        left, top = ((jpeg.width - length) // 2 for length in self.mask.size)
        return np.asarray(jpeg)[top : top + self.mask.height, left : left + self.mask.width]

    def evaluate(self, dataset=None):
        parser = Recorder()
        with Archive(dataset or self.dataset) as archive:
            score_originals(parser, archive, None)
        return parser.pixels[0]

    def predict(self):
        lost = {}
        (source,) = find_sources([str(self.folder / "photos")], self.folder)
        return read_source(source, lost), next(iter(lost.values()))

    def web(self):
        parser = Recorder()
        answer = Segmenter(parser, "", 1).answer(self.content)
        return parser.pixels[0], answer

    def export(self, monkeypatch):
        monkeypatch.setattr(export_check, "DATASET", self.dataset)
        (photo,) = export_check.read_pictures(self.folder / "photos", 1)
        (validation,) = export_check.read_pictures(None, 1)
        return photo, validation

    def submit(self):
        with Release(self.folder / "release.zip") as release:
            pixels = release.picture("x")
            assert release.size("x") == pixels.shape[1::-1]
            return pixels

    def convert(self, monkeypatch):
        """Convert the folder into a dataset; return its path."""
        monkeypatch.chdir(self.folder)
        for name in "tv":
            (self.folder / f"photos/{name}{self.suffix}").write_bytes(self.content)
            (self.folder / "masks").mkdir(exist_ok=True)
            self.mask.save(self.folder / f"masks/{name}.png")
            (self.folder / f"{name}.txt").write_text(name)
        (self.folder / "classes.csv").write_text("name,value\na,1\nb,2\n")
        return self.folder / converted("photos masks --classes classes.csv --lists t.txt v.txt --out made.zip")


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
    for door in (doors.evaluate, doors.web):
        with pytest.raises(ValueError, match=message):
            door()
    for door in (doors.predict, doors.submit, lambda: doors.export(monkeypatch), lambda: doors.convert(monkeypatch)):
        with pytest.raises(InputError) as refused:
            door()
        assert message in str(refused.value) + capsys.readouterr().err
    assert [message in finding.text for finding in inspect(doors.dataset, 1).findings].count(True) == 2


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
