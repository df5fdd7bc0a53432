"""sceneparse submit: the zip for the benchmark's evaluation server."""

import io
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cards import card_content, make_card
from command import ENVIRONMENT
from datasets import encoded
from mask_folders import write
from network_params import model_params
from photos import turned
from PIL import Image
from small_model import save_small_model

from sceneparse.core.errors import InputError
from sceneparse.core.files import write_text
from sceneparse.inference.loading import load_parser
from sceneparse.predict.benchmark_zip import Release
from sceneparse.predict.submit import KNOWN, _problem, submit

CLASSES = tuple(KNOWN.get(number, f"thing {number}") for number in range(1, 151))
SIZES = [(40, 60), (70, 50), (33, 47), (64, 64), (80, 30)]
NAMES = [f"ADE_test_{number:08d}" for number in (1, 2, 3, 5, 8)]  # the real ones have gaps too


def pictures():
    """Contents by name, as in the benchmark's zip; one is grayscale, one says that it lies on its side."""
    contents = {}
    for number, (height, width) in enumerate(SIZES):
        coarse = np.random.default_rng(number).integers(0, 256, (4, 5, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        exif = turned() if number == 2 else b""
        contents[NAMES[number]] = encoded(picture.convert("L") if number == 1 else picture, "JPEG", exif=exif)
    return contents


def release(path, contents, listed=None, folder="release_test/testing", extra=()):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in [*((f"{folder}/{name}.jpg", content) for name, content in contents.items()), *extra]:
            archive.writestr(name, content)
        if listed is not None:
            archive.writestr("release_test/list.txt", "".join(f"{name}.jpg\r\n" for name in listed))
        archive.writestr("release_test/readme.txt", "testing")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"), CLASSES)


@pytest.fixture
def release_zip(tmp_path):
    return release(tmp_path / "release_test.zip", pictures(), NAMES)


def run(release_zip, model, tmp_path, **flags):
    submit(release_zip, model, None, tmp_path / "submission.zip", state=tmp_path / "state", **flags)
    return (tmp_path / "submission.zip").read_bytes()


def test_a_png_for_each_picture(release_zip, model, tmp_path, capsys):
    """Right names, sizes as stored, 8-bit grayscale, values 1..150, those of the parser."""
    run(release_zip, model, tmp_path, batch=2)
    parser, contents = load_parser(model, None), pictures()
    with zipfile.ZipFile(tmp_path / "submission.zip") as archive:
        assert archive.namelist() == [f"{name}.png" for name in NAMES]
        assert archive.testzip() is None
        for name, size in zip(NAMES, SIZES, strict=True):
            content = archive.read(f"{name}.png")
            assert content[24:26] == bytes((8, 0)), "8 bits, grayscale"
            values = np.asarray(Image.open(io.BytesIO(content)))
            image = np.asarray(Image.open(io.BytesIO(contents[name])).convert("RGB"))
            assert values.shape == size
            assert 1 <= values.min() <= values.max() <= 150
            assert np.array_equal(values, parser.annotate(image))
    assert "5 PNGs" in capsys.readouterr().out
    assert list((tmp_path / "state").iterdir()) == [], "what was kept is removed"


@pytest.mark.slow
def test_the_same_bytes_again(release_zip, model, tmp_path):
    first = run(release_zip, model, tmp_path, batch=1)
    assert run(release_zip, model, tmp_path, batch=4) == first
    assert run(release_zip, model, tmp_path, flip=True) != first


@pytest.mark.slow
def test_kept_pngs_are_those_of_the_model_that_was_read(release_zip, model, tmp_path, monkeypatch):
    """A model that takes the file's place meanwhile does not go on with them."""
    for suffix in (".keras", ".json"):
        (tmp_path / f"m{suffix}").write_bytes(model.with_suffix(suffix).read_bytes())
    (tmp_path / "new").mkdir()
    new = save_small_model(tmp_path / "new", CLASSES, size=96)
    expected = run(release_zip, new, tmp_path)

    def replaced(*arguments):
        parser = load_parser(*arguments)
        for suffix in (".keras", ".json"):
            new.with_suffix(suffix).replace(tmp_path / f"m{suffix}")
        return parser

    with monkeypatch.context() as patch:
        patch.setattr("sceneparse.predict.submit.load_parser", replaced)
        patch.setattr("sceneparse.predict.submit._write_zip", lambda *_: sys.exit("stopped"))
        with pytest.raises(SystemExit, match="stopped"):
            run(release_zip, tmp_path / "m.keras", tmp_path)
    assert run(release_zip, tmp_path / "m.keras", tmp_path) == expected


@pytest.mark.slow
def test_a_killed_one_loses_nothing(release_zip, model, tmp_path, monkeypatch):
    """Kill `submit` when two PNGs are there; other views start from the first picture, the same ones resume."""
    whole = run(release_zip, model, tmp_path, batch=1)
    killed = write(tmp_path / "killed.zip", "older")
    code = (
        "import os, signal, sys\n"
        "import pipeline.cli.main, sceneparse.predict.submit as submit\n"
        "encode, count = submit.encode_annotation, []\n"
        "def dies(annotation):\n"
        "    count.append(1)\n"
        "    if len(count) == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return encode(annotation)\n"
        "submit.encode_annotation = dies\n"
        "pipeline.cli.main.main()\n"
    )
    arguments = ["submit", release_zip, "--model", model, "--out", killed, "--batch", "1"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, env=ENVIRONMENT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert killed.read_text() == "older"
    kept = {path.stem for path in (tmp_path / "state/submit").rglob("ADE_test_*.png")}
    assert len(kept) == 2

    picture, names_read = Release.picture, []
    monkeypatch.setattr(Release, "picture", lambda self, name: names_read.append(name) or picture(self, name))
    for flip, expected in ((True, {*NAMES}), (False, {*NAMES} - kept)):
        names_read.clear()
        submit(release_zip, model, None, killed, flip=flip, state=tmp_path / "state/submit")
        assert {*names_read} == expected
        assert (killed.read_bytes() == whole) == (not flip)


@pytest.mark.slow
def test_a_network_that_knows_other_names_a_class_all_the_same(release_zip, tmp_path):
    from sceneparse.network.fcn8s import build_fcn8s
    from sceneparse.network.saving import save_card, save_model

    network = build_fcn8s(150, model_params(width=1 / 64, other="class"))
    network.get_layer("score_fr").bias.assign(np.eye(151)[150] + np.eye(151)[6] / 2)  # 'other', then class 7
    card = make_card(**{**card_content(CLASSES), "params": {"model": {"other": "class"}, "train": {}}})
    save_model(network, tmp_path / "m.keras", card)
    save_card(tmp_path / "m.json", tmp_path / "m.keras", card)
    parser = load_parser(tmp_path / "m.keras", None)
    assert not parser.annotate(np.zeros((40, 40, 3), np.uint8)).any()
    for flags in ({}, {"flip": True}):
        run(release_zip, tmp_path / "m.keras", tmp_path, **flags)
        with zipfile.ZipFile(tmp_path / "submission.zip") as archive:
            assert {*np.asarray(Image.open(archive.open(f"{NAMES[0]}.png"))).ravel().tolist()} == {7}


@pytest.mark.parametrize(
    "classes", [("sky", "road", "tree"), tuple(f"thing {number}" for number in range(150)), (*CLASSES[:-1], "banner")]
)
def test_other_classes_are_refused(release_zip, tmp_path, classes):
    with pytest.raises(InputError, match="the model's classes are not the benchmark's"):
        run(release_zip, save_small_model(tmp_path, classes), tmp_path)


def test_all_bad_pictures_are_named_and_the_others_kept(model, tmp_path, capsys):
    contents = {**pictures(), NAMES[1]: b"no picture", NAMES[4]: pictures()[NAMES[4]][:400]}
    release_zip = release(tmp_path / "t.zip", contents)
    with pytest.raises(InputError, match=f"2 of 5 test pictures cannot be used[\\s\\S]*{NAMES[1]}, {NAMES[4]}"):
        run(release_zip, model, tmp_path, batch=2)
    assert not (tmp_path / "submission.zip").exists()
    assert {path.stem for path in (tmp_path / "state").rglob("*.png")} == {NAMES[0], NAMES[2], NAMES[3]}
    assert capsys.readouterr().err.count("error: ") == 2


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"listed": NAMES[1:]}, f"1 that only one of pictures and list.txt has: {NAMES[0]}"),
        ({"listed": [*NAMES, "ADE_test_00000009"]}, "ADE_test_00000009"),
        ({"folder": "images/validation"}, "0 pictures"),
        ({"extra": [(f"testing/{NAMES[0]}.png", b"")]}, "6 pictures of 5 names"),
    ],
)
def test_what_is_no_release_is_refused(tmp_path, change, match):
    with pytest.raises(InputError, match=match):
        Release(release(tmp_path / "t.zip", pictures(), **change))


def test_a_release_below_other_folders_and_a_macs_notes(tmp_path):
    extra = [(f"__MACOSX/testing/._{NAMES[0]}.jpg", b"")]
    with Release(release(tmp_path / "t.zip", pictures(), folder="images/testing", extra=extra)) as test:
        assert test.names == NAMES
        assert test.size(NAMES[0]) == SIZES[0][::-1]


def test_no_zip_is_refused(tmp_path):
    (tmp_path / "t.zip").write_text("no zip")
    with pytest.raises(InputError, match="the test pictures cannot be read"):
        Release(tmp_path / "t.zip")


def png(values, mode="L"):
    return encoded(Image.fromarray(values).convert(mode), "PNG")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (png(np.ones((33, 47), np.uint8)), ""),
        (png(np.ones((3, 3), np.uint8)), "(3, 3), its picture (47, 33)"),
        (png(np.zeros((33, 47), np.uint8)), "values 0..0"),
        (png(np.full((33, 47), 151, np.uint8)), "values 151..151"),
        (png(np.ones((33, 47), np.uint8), "P"), "expected an 8-bit grayscale PNG, got PNG of mode P"),
    ],
)
def test_what_is_wrong_with_a_png(content, problem):
    assert _problem(content, (47, 33)) == problem


def test_a_kept_png_that_is_damaged_never_gets_out(release_zip, model, tmp_path, monkeypatch):
    monkeypatch.setattr("sceneparse.predict.submit._write_zip", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(release_zip, model, tmp_path)
    monkeypatch.undo()
    (kept,) = (path for path in Path(tmp_path / "state").rglob(f"{NAMES[2]}.png"))
    write_text(kept, "cut off")
    with pytest.raises(InputError, match=f"{NAMES[2]}.png: not a picture[\\s\\S]*remove .*state"):
        run(release_zip, model, tmp_path)
    assert not (tmp_path / "submission.zip").exists()


def test_a_place_that_cannot_be_written_to(release_zip, model, tmp_path):
    """Is no defect; the PNGs stay for the next start."""
    (tmp_path / "submission.zip").mkdir()
    (tmp_path / "submission.zip/something").touch()
    with pytest.raises(InputError, match=r"the submission is not right[\s\S]*which resumes"):
        run(release_zip, model, tmp_path)
    assert len(list((tmp_path / "state").rglob("*.png"))) == 5
