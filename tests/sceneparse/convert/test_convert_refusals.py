"""sceneparse convert refuses what it cannot convert, and names everything that has to be fixed."""

import re
from functools import partial

import numpy as np
import pytest
from mask_folders import contents, converted, drawn, photo, refused, save, split_of, write
from mask_styles import CAMVID, SKY, camvid, cityscapes, voc
from photos import vast
from PIL import Image

from sceneparse.convert.hints import HINTS

pytestmark = pytest.mark.usefixtures("here")


def test_ignored_codes_can_be_given(tmp_path):
    line = camvid(tmp_path)
    write(tmp_path / "camvid.csv", CAMVID.replace("Ignored,0,0,0\n", ""))
    refused(line, "#000000")
    kept = contents(converted(f"{line} --ignore #000000"))
    write(tmp_path / "camvid.csv", CAMVID)
    assert contents(converted(line)) == kept
    line = voc(tmp_path)
    refused(f"{line} --ignore 7", "255: ")


def test_every_pair_that_cannot_be_used_is_named(tmp_path):
    line = camvid(tmp_path, "abcdefgh")
    save(tmp_path / "labels/a_L.png", Image.fromarray(drawn(0, [SKY], (9, 6))))
    (tmp_path / "labels/b_L.png").write_bytes(b"no picture")
    save(tmp_path / "labels/c_L.png", Image.fromarray(np.zeros((7, 9), np.uint16)))
    (tmp_path / "raw/d.png").write_bytes(b"")
    (tmp_path / "raw/e.png").unlink()
    save(tmp_path / "raw/e.tif", Image.fromarray(np.zeros((7, 9), np.float32)))
    vast(tmp_path / "labels/f_L.png")
    vast(tmp_path / "raw/g.png")
    error = refused(
        line,
        "labels/a_L.png: 9 x 6 pixels, but raw/a.png has 9 x 7\n",
        "labels/b_L.png: not a picture",
        "labels/c_L.png: expected colours of 8 bits a channel, got mode I;16",
        "raw/d.png: not a picture",
        "raw/e.tif: 32 bits a sample",
        "labels/f_L.png: 4398046511104 bytes",
        "raw/g.png: 4398046511104 bytes",
    )
    assert error.next_step.split("\n    ") == [HINTS[kind] for kind in ("damaged", "deep", "size", "kind")]
    assert not list(tmp_path.glob("*set.zip*"))


def test_what_check_finds_in_the_result_stops_it(tmp_path, capsys):
    line = camvid(tmp_path)
    (tmp_path / "raw/a.png").write_bytes((tmp_path / "raw/a.png").read_bytes()[:-40])
    with pytest.raises(SystemExit) as ended:
        converted(line)
    assert ended.value.code == 1
    shown = capsys.readouterr().out
    assert "error: pictures that cannot be decoded (1)" in shown
    assert "set.zip is not written" in shown
    assert not list(tmp_path.glob("*set.zip*"))


FRACTIONS, NAN = np.zeros((2, 7, 9), np.float32)
FRACTIONS[0, :4], NAN[3, 3] = (0.25, -0.5, 1e30, 0.25), np.nan


@pytest.mark.parametrize(
    ("mask", "text", "kind"),
    [
        (photo(0), "expected values, got colours (mode RGB)", "colours"),
        (photo(0).convert("CMYK"), "expected values, got mode CMYK", "kind"),
        (Image.new("L", (9, 7), 85), "expected 8 bits a channel for values in mode L, got 2", "depth"),
        (Image.fromarray(FRACTIONS), "expected whole numbers, got -0.5, 0.25, 1e+30 in 4 pixels", "fractions"),
        (Image.fromarray(NAN), "expected whole numbers, got nan in 1 pixels", "fractions"),
        (Image.new("L", (4, 3)), "4 x 3 pixels, but JPEGImages/2007_1.jpg has 9 x 7: 0.44 times its size", "scaled"),
        (Image.new("L", (7, 9)), "7 x 9 pixels, but JPEGImages/2007_1.jpg has 9 x 7: width and height", "exchanged"),
        (Image.new("L", (9, 5)), "9 x 5 pixels, but JPEGImages/2007_1.jpg has 9 x 7\n", "size"),
    ],
)
def test_masks_that_do_not_fit_are_named_with_the_hint_for_their_kind(tmp_path, mask, text, kind):
    line = voc(tmp_path)
    (tmp_path / "SegmentationClass/2007_1.png").unlink()
    name = f"SegmentationClass/2007_1{'.png' if mask.mode == 'L' else '.tif'}"
    save(tmp_path / name, mask, **({"bits": 2} if kind == "depth" else {}))
    refused(line, f"{name}: {text}", next_step=HINTS[kind])


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    line = camvid(tmp_path)
    (tmp_path / "labels/day2").symlink_to("elsewhere")
    refused(line, "a folder cannot be read", "labels/day2: a link to elsewhere, where nothing is")


def test_pairs_that_cannot_be_made(tmp_path):
    line = camvid(tmp_path)
    (tmp_path / "labels/a_L.png").unlink()
    save(tmp_path / "labels/z_L.png", photo(0))
    refused(line, "raw/a.png: no partner", "labels/z_L.png: no partner")
    refused(f"{line} --tolerance 5", "masks: .png, .bmp, .tif, .tiff, .gif, .jpg, .jpeg")
    refused(line, "4 pictures, 4 masks, 3 pairs", problem="not all pictures and masks make pairs")
    assert len(split_of(converted(f"{line} --unpaired skip"))) == 3
    refused(line.replace("_L", "_M"), "4 pictures, 0 masks, 0 pairs")
    none = refused(line.replace("--mask-suffix _L", ""), "make no pairs", "such as raw/a.png", "such as labels/b_L.png")
    assert "raw/b.png" not in none.got, "one shows how they differ"
    assert "''" not in str(none)
    save(tmp_path / "raw/b.jpg", photo(0))
    save(tmp_path / "raw/x/b.png", photo(0))
    refused(line, "raw/b.png: the same name as raw/b.jpg")


def test_files_that_are_left_out_are_named(tmp_path, capsys):
    line = f"{camvid(tmp_path)} --unpaired skip"
    (tmp_path / "labels/a_L.png").unlink()
    converted(line)
    assert "files without a partner, left out (1): raw/a.png\n" in capsys.readouterr().out
    for number in range(9):
        save(tmp_path / f"labels/z{number}_L.png", photo(0))
    converted(line)
    assert re.search(r"left out \(10\): raw/a.png, labels/z0_L.png, .*, and 5 more\n", capsys.readouterr().out)


def test_lists_that_do_not_fit(tmp_path):
    line = voc(tmp_path)
    write(tmp_path / "train.txt", "2007_1\n2007_2\n2007_4\nnowhere\n")
    refused(
        line,
        "train.txt: 2007_4: no pairs of this name",
        "train.txt: nowhere: no pairs",
        "val.txt: 2007_2: in the other list too",
    )
    (tmp_path / "val.txt").unlink()
    refused(line, "No such file")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("raw", "rav", ["rav: No such file or directory"]),
        ("raw labels", "rav camvid.csv", ["rav: No such file", "camvid.csv: Not a directory"]),
        ("raw", "raw/a.png", ["raw/a.png: Not a directory"]),
    ],
)
def test_folders_that_are_not_there(tmp_path, before, after, expected):
    line = camvid(tmp_path).replace(before, after, 1)
    refused(line, *expected, problem="a folder cannot be read")


@pytest.mark.parametrize(
    ("style", "flags", "got", "file"),
    [
        (camvid, "--folders x y", "0 for training, 0 for validation, of 4; asked for: x, y; there are no", "raw"),
        (camvid, "--folders", "asked for: train, training, val, valid, validation; there are no folders", "raw"),
        (partial(camvid, names="a"), "--share 0.5", "1 for training, 0 for validation, of 1", "raw"),
        (cityscapes, "--folders trian val", "trian, val; the folders below are bonn, kiel, rom, ", "leftImg8bit"),
        (voc, "--lists train.txt no.txt", "2 for training, 0 for validation", "train.txt and no.txt"),
    ],
)
def test_a_split_that_stays_empty(tmp_path, style, flags, got, file):
    line = re.sub("--(share|folders|lists)[^-]*", "", style(tmp_path))
    write(tmp_path / "no.txt", "\n")
    refused(f"{line} {flags}", got, problem="a split is empty", file=file)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        *((f"--share {share}", f"--share: expected more than 0 and less than 1, .* got {share}") for share in "01x"),
        ("--share nan", "--share: expected more than 0 and less than 1"),
        ("--folders a", "--folders: expected no names or two, got 1: a"),
        ("--folders a b c", "--folders: expected no names or two, got 3: a b c"),
        ("--folders --batch-size 0", "--batch-size: expected a whole number from 1 to a billion, got 0"),
    ],
)
def test_wrong_usage_is_told_without_reading_anything(tmp_path, capsys, how, expected):
    with pytest.raises(SystemExit) as ended:
        converted(f"raw labels --classes camvid.csv --out set.zip {how}")
    assert ended.value.code == 2
    assert re.search(f"error: argument {expected}\\b", capsys.readouterr().err)


def test_what_ignore_cannot_name(tmp_path):
    line = camvid(tmp_path)
    problem = "--ignore names what the class table lacks"
    for text in ("zz", "7"):
        refused(
            f"{line} --ignore #000000 {text}",
            "or a colour, as #rrggbb",
            problem=problem,
            got=f"{text}, which is neither",
        )
    line = f"{voc(tmp_path)} --ignore 255 bycicle 70000"
    got = "bycicle, which is neither, did you mean bicycle?; 70000, which is neither"
    refused(line, "a class of voc.csv", "or a value of 0..65535", got=got, file="the command line")


def test_a_folder_in_the_zip_s_place_is_refused_first(tmp_path, capsys):
    """Before anything is read: what else is wrong is not told."""
    line = camvid(tmp_path)
    (tmp_path / "set.zip").mkdir()
    refused(line, problem="the dataset cannot be written", got="a folder", file="set.zip")
    refused(line.replace("raw", "nowhere").replace("camvid.csv", "nothing.csv"), "a folder")
    assert capsys.readouterr() == ("", "")
    assert [path.name for path in tmp_path.glob("*set.zip*")] == ["set.zip"]
