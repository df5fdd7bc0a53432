"""One picture through every command that reads pictures."""

import io
import zipfile

import numpy as np
from datasets import class_table, demo_params, encoded
from mask_folders import converted
from PIL import Image

from sceneparse.dataset.archive import Archive
from sceneparse.export import agreement as export_check
from sceneparse.predict.benchmark_zip import Release
from sceneparse.predict.inputs import find_sources, read_source
from sceneparse.web.answer import Segmenter
from stages.evaluate.stage import score_originals
from stages.prepare.encode import Work, encode_pairs, signature


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
        (folder / "photos").mkdir(exist_ok=True)
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
