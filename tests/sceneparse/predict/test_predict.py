"""sceneparse predict: labels, overlays and legends, and what goes on when a picture cannot be used."""

import json
import os
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from command import ENVIRONMENT, sceneparse
from datasets import encoded
from mask_folders import write
from photos import PICTURE, near, picture, turned, vast
from PIL import Image
from servers import serving
from small_model import save_small_model

from sceneparse.core.errors import InputError
from sceneparse.core.fields import Palette
from sceneparse.dataset.photos import LOST, decode_photo
from sceneparse.inference.loading import load_parser
from sceneparse.predict.drawing import Look, draw_overlay
from sceneparse.predict.inputs import Source, read_source
from sceneparse.predict.predict import predict


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "my photo.jpeg"
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    noise[:, :30] = 0
    Image.fromarray(noise).save(path, exif=turned())
    return path


@pytest.mark.parametrize("palette", get_args(Palette))
def test_labels_overlay_legend_and_shares(model, photo, tmp_path, capsys, palette):
    write(tmp_path / "new/out/my photo.png", "older, to be replaced")
    predict([str(photo)], model, None, tmp_path / "new/out", 0.25, palette=palette, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    (told,) = shown["pictures"]
    folder = tmp_path / "new/out"
    files = {"labels": "my photo.png", "overlay": "my photo_overlay.jpg", "legend": "my photo_legend.png"}
    assert {kind: told[kind] for kind in files} == {kind: str(folder / name) for kind, name in files.items()}
    assert {path.name for path in folder.iterdir()} == {*files.values()}
    assert (told["input"], told["width"], told["height"], shown["failed"]) == (str(photo), 40, 60, 0)

    parser, upright = load_parser(model, None, palette), decode_photo(photo.read_bytes())
    assert upright.shape == (60, 40, 3)
    assert np.array_equal(parser.colours, load_parser(model, None).colours) == (palette == "standard")
    labels = folder / files["labels"]
    assert labels.read_bytes()[24:26] == bytes((8, 3)), "8 bits, palette"
    with Image.open(labels) as opened:
        assert opened.size == (40, 60)
        assert opened.getpalette()[:12] == parser.colours.ravel().tolist()
        values = np.asarray(opened)
    assert np.array_equal(values, parser.annotate(upright))
    with Image.open(folder / files["overlay"]) as laid_over:
        look = Look(0.25)
        assert near(np.asarray(laid_over), draw_overlay(upright, values, parser.classes, parser.colours, look), 6)

    counts = sorted(((int((values == value).sum()), value) for value in (1, 2, 3)), reverse=True)
    assert len([count for count, _ in counts if count]) > 1, "a picture that tells orders apart"
    names = ("sky", "road", "tree")
    expected = [
        {"class_id": value, "name": names[value - 1], "share": count / 2400} for count, value in counts if count
    ]
    assert told["shares"] == expected
    with Image.open(folder / files["legend"]) as legend:
        pixels = np.asarray(legend)
        rows = [tuple(pixels[8 + 24 * row + 12, 16]) for row in range(len(expected))]
        assert rows == [tuple(parser.colours[row["class_id"]]) for row in expected], "the boxes' colours, in order"
        assert (pixels[:, 40:] < 128).any(), "names beside them"


def test_views_and_tiles_come_from_flags(model, photo, tmp_path, capsys):
    """They change the labels, each in its way, and are those of the parser itself."""
    from sceneparse.inference.tiles import annotate_tiled, plan_tiles
    from sceneparse.inference.views import Views

    annotations = {}
    for name, flags in {"one": {}, "views": {"scales": (1.0, 2.0), "flip": True}, "tiles": {"tile_above": 900}}.items():
        predict([str(photo)], model, None, tmp_path / name, 0.5, **flags)
        with Image.open(tmp_path / name / "my photo.png") as labels:
            annotations[name] = np.asarray(labels)
    parser, image = load_parser(model, None), decode_photo(photo.read_bytes())
    assert np.array_equal(annotations["views"], parser.annotate(image, Views((1.0, 2.0), flip=True)))
    tiled = annotate_tiled(parser, image, plan_tiles(parser, 40, 60, 900))
    assert np.array_equal(annotations["tiles"], tiled.annotation)
    assert len({values.tobytes() for values in annotations.values()}) == 3


def test_what_cannot_be_labelled_is_reported_and_the_rest_goes_on(model, photo, tmp_path, capsys):
    """Unreadable, absent, unmatched, refused by a server: each has its say, and the status is 1 in the end."""
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty").mkdir()
    bad = [tmp_path / "text.jpg", tmp_path / "absent.jpg", tmp_path / "*.webp", tmp_path / "empty"]
    with serving(b"") as server:
        server.status = 404
        names = [*map(str, bad[:2]), str(photo), *map(str, bad[2:]), server.url]
        with pytest.raises(SystemExit) as stopped:
            predict(names, model, None, tmp_path / "out", 0.5, as_json=True)
    assert stopped.value.code == 1
    said = capsys.readouterr()
    shown = json.loads(said.out)
    assert [told["input"] for told in shown["pictures"]] == names, "in the order of the arguments"
    assert [told["input"] for told in shown["pictures"] if "error" not in told] == [str(photo)]
    assert shown["failed"] == 5
    assert said.err.count("error: ") == said.err.count("next: ") == 5
    assert all(name in said.err for name in names if name != str(photo))
    assert (tmp_path / "out/my photo.png").is_file()


@pytest.mark.parametrize("flags", [{}, {"tile_above": 120_000}])
def test_a_picture_too_thin_for_the_network_is_reported_and_the_rest_goes_on(photo, tmp_path, capsys, flags):
    """Mode crop would make 24 million pixels of a kilobyte; its tiles are too thin as well."""
    thin = tmp_path / "thin.png"
    Image.new("RGB", (30_000, 5)).save(thin)
    (tmp_path / "model").mkdir()
    model = save_small_model(tmp_path / "model", mode="crop")
    with pytest.raises(SystemExit) as stopped:
        predict([str(thin), str(photo)], model, None, tmp_path / "out", 0.5, **flags)
    assert stopped.value.code == 1
    said = capsys.readouterr()
    assert said.err.count("error: ") == 1
    assert f"file:     {thin}" in said.err
    assert "too long and thin" in said.err
    assert "1 of 2 labelled" in said.out
    assert (tmp_path / "out/my photo.png").is_file()


def test_a_file_beyond_all_memory_is_reported_and_the_rest_goes_on(model, photo, tmp_path, capsys):
    vast(tmp_path / "a.tif")
    with pytest.raises(SystemExit) as stopped:
        predict([str(tmp_path)], model, None, tmp_path / "out", 0.5)
    assert stopped.value.code == 1
    said = capsys.readouterr()
    assert said.err.count("error: ") == 1
    assert "4398046511104 bytes, the limit is 1431655760" in said.err
    assert "1 of 2 labelled" in said.out
    assert (tmp_path / "out/my photo.png").is_file()


@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_left_out_is_said_and_counted(model, photo, tmp_path, capsys, as_json):
    translucent = picture()
    translucent.putalpha(40)
    for name in "abc":
        translucent.save(tmp_path / f"{name}.png")
    (tmp_path / "d.heic").touch()
    predict([str(tmp_path)], model, None, tmp_path / "out", 0.5, as_json=as_json)
    said = capsys.readouterr()
    assert "note: ignored, as they cannot be read: 1 x *.heic\n" in said.err
    assert f"note: 3 of 4 pictures: {LOST['alpha']}\n" in said.err
    if as_json:
        shown = json.loads(said.out)
        notes = {Path(told["input"]).name: told["notes"] for told in shown["pictures"]}
        assert notes == {f"{name}.png": [LOST["alpha"]] for name in "abc"} | {photo.name: []}
        assert shown["ignored"] == {".heic": 1}


def test_several_pictures_are_one_table(model, photo, tmp_path, capsys):
    Image.fromarray(PICTURE).save(tmp_path / "b.png")
    predict([str(photo), str(tmp_path / "b.png")], model, None, tmp_path / "out", 0.5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["input", "result", "shows"]
    assert [line.split("  ")[0] for line in lines[1:3]] == [str(photo), str(tmp_path / "b.png")]
    assert "%" in lines[1]
    assert lines[3] == ""
    assert lines[4].startswith("2 of 2 labelled, ")


def test_a_picture_from_the_web(model, tmp_path):
    """Its name comes from the address; the same picture from a file gets the same labels."""
    (tmp_path / "local.png").write_bytes(content := encoded(picture(), "PNG"))
    with serving(content) as server:
        predict([server.url, str(tmp_path / "local.png")], model, None, tmp_path / "out", 0.5)
    assert (tmp_path / "out/data.png").read_bytes() == (tmp_path / "out/local.png").read_bytes()


def test_the_web_is_held_to_limits(monkeypatch):
    """A size, a time, and no way from an address to a file of this machine."""

    def refused(server, match, path=None):
        with pytest.raises(InputError, match=match):
            read_source(Source(path or server.url, "url", Path("x")))

    with serving(encoded(picture(), "PNG")) as server:
        monkeypatch.setattr("sceneparse.predict.web_picture.MOST_BYTES", 20)
        refused(server, "more than 20 bytes")
        monkeypatch.undo()
        monkeypatch.setattr("sceneparse.predict.web_picture.LONGEST_S", -1.0)
        refused(server, "and no end")
        monkeypatch.undo()
        server.drops = [30]
        refused(server, "cannot be fetched")
        monkeypatch.setattr("sceneparse.fetch.receiving.TIMEOUT_S", (1, 0.05))
        server.stalls_after = 10
        refused(server, "nothing received in time")
        monkeypatch.undo()
        server.freed.set()
        server.url, host = "file:///etc/hostname", server.url.partition("/..")[0]
        refused(server, "No connection adapters", f"{host}/moved")


def test_the_labels_never_take_the_pictures_place(model, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PICTURE).save(path)
    before = path.read_bytes()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/a.png").hardlink_to(path)
    for out in (tmp_path, tmp_path / "linked"):
        with pytest.raises(InputError, match="itself, which a result would replace"):
            predict([str(path)], model, None, out, 0.6)
    assert path.read_bytes() == before
    assert not (tmp_path / "a_overlay.jpg").exists()


@pytest.mark.exhaustive
def test_names_that_are_no_text(model, photo, tmp_path):
    """Neither UTF-8 nor one line: told in a form that does nothing to a terminal, and in JSON that is JSON."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in (b"a\xff.jpg", b"b\n\x1b[2J.jpg"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(photo.read_bytes())
    words = ("predict", "pictures", "--model", model)
    run = partial(sceneparse, cwd=tmp_path, env={**ENVIRONMENT, "PYTHONIOENCODING": "utf-8:strict"}, text=False)
    table = run(*words).stdout.decode()
    assert "pictures/a\\udcff.jpg" in table
    assert "pictures/b\\n\\x1b[2J.jpg" in table
    assert "\x1b" not in table
    named = [told["input"] for told in json.loads(run(*words, "--json").stdout.decode())["pictures"]]
    assert [os.fsencode(name) for name in named] == [b"pictures/a\xff.jpg", b"pictures/b\n\x1b[2J.jpg"]


def test_a_folder_that_cannot_be_written_to(model, photo, tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="cannot be written"):
        predict([str(photo)], model, None, tmp_path / "out", 0.6)


def test_a_file_that_cannot_be_written_fails_its_picture_alone(model, photo, tmp_path, capsys):
    Image.fromarray(PICTURE).save(tmp_path / "b.png")
    (tmp_path / "out/b_overlay.jpg").mkdir(parents=True)
    with pytest.raises(SystemExit):
        predict([str(photo), str(tmp_path / "b.png")], model, None, tmp_path / "out", 0.6)
    said = capsys.readouterr()
    assert "the predictions cannot be written" in said.err
    assert "b_overlay.jpg" in said.err
    assert "1 of 2 labelled" in said.out


def test_a_named_card_must_be_there(model, photo, tmp_path):
    with pytest.raises(InputError, match=r"card cannot be read[\s\S]*none\.json"):
        predict([str(photo)], model, tmp_path / "none.json", tmp_path / "out", 0.6)


@pytest.mark.slow
def test_the_command(model, photo, tmp_path):
    """Prints the shares and the paths."""
    flags = ("--palette", "colour_blind", "--names", "--confidence")
    done = sceneparse("predict", photo.name, "--model", model, *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["class_id", "name", "share"]
    assert sum(float(line.split()[-1]) for line in lines[1:-5]) == pytest.approx(1, abs=1e-3)
    stem = "predictions/my photo"
    expected = [f"labels:     {stem}.png", f"overlay:    {stem}_overlay.jpg", f"legend:     {stem}_legend.png"]
    assert lines[-5:] == ["", *expected, f"confidence: {stem}_confidence.png"]
    with Image.open(tmp_path / "predictions/my photo.png") as labels:
        assert labels.getpalette()[:12] == load_parser(model, None, "colour_blind").colours.ravel().tolist()
