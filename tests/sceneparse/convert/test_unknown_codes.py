"""Values and colours of masks that the class table lacks: listed with files, counts, and what they may be."""

import re

import numpy as np
import pytest
from mask_folders import annotation, by_hand, contents, converted, photo, refused, save, write
from mask_styles import CAMVID, CAMVID_CODES, camvid, voc
from PIL import Image

from sceneparse.convert.hints import HINTS
from sceneparse.convert.tally import MANY, SHOWN

pytestmark = pytest.mark.usefixtures("here")


def test_unknown_colours_are_listed_with_files_and_counts(tmp_path, capsys):
    line = camvid(tmp_path)
    for name, count in (("a", 3), ("c", 1)):
        mask = Image.open(tmp_path / f"labels/{name}_L.png")
        for x in range(count):
            mask.putpixel((x, 0), (1, 2, 3))
        mask.putpixel((0, 1), (255, 0, 0))
        mask.save(tmp_path / f"labels/{name}_L.png")
    error = refused(
        line,
        "got:      colours that the table lacks: 2\n",
        "#010203 (1, 2, 3): 4 pixels in 2 masks: a_L.png (3), c_L.png (1); the nearest colour is ignored, #000000",
        "#ff0000 (255, 0, 0): 2 pixels in 2 masks",
    )
    assert "in no mask" not in error.got
    assert error.got.index("#010203") < error.got.index("#ff0000")
    assert not (tmp_path / "set.zip").exists()
    members = contents(converted(f"{line} --unknown ignore"))
    meaning = CAMVID_CODES | {(1, 2, 3): 0, (255, 0, 0): 0}
    (name,) = (name for name in members if name.startswith("annotations/") and "/a." in name)
    assert annotation(members[name]) == by_hand(tmp_path / "labels/a_L.png", meaning)
    assert "unknown, became 0: #010203 (1, 2, 3): 4 pixels in 2 masks" in capsys.readouterr().out


def test_a_mistyped_colour_is_named_with_the_class_that_it_was_meant_for(tmp_path):
    line = camvid(tmp_path, "abcdef")
    write(tmp_path / "camvid.csv", CAMVID.replace("sky,128,128,128", "sky,128,128,126"))
    error = refused(line)
    assert error.got.splitlines()[0] == "colours that the table lacks: 1"
    (listed,) = (text for text in error.got.splitlines() if "#808080" in text)
    assert re.search(r"in 6 masks: (\w_L.png \(\d+\)(, | )){3}and 3 more; ", listed)
    assert listed.endswith("the nearest colour is sky, #80807e (128, 128, 126)")
    assert error.got.splitlines()[-1].strip() == "in the table, but in no mask: sky, #80807e (128, 128, 126)"
    (tmp_path / "labels/b_L.png").write_bytes(b"no picture")
    error = refused(line, "pairs that cannot be used: 1, colours that the table lacks: 1\n")
    assert "in no mask" not in error.got, "the damaged mask may have it"


def test_masks_that_were_jpegs_are_counted_in_bounded_memory(tmp_path):
    line = camvid(tmp_path)
    for seed, name in enumerate("abcd"):
        save(tmp_path / f"raw/{name}.png", photo(seed, (40, 30)))
        save(tmp_path / f"labels/{name}_L.png", photo(seed + 50, (40, 30)))
    pixels = np.concatenate([np.asarray(photo(seed + 50, (40, 30))).reshape(-1, 3) for seed in range(4)])
    assert len(np.unique(pixels, axis=0)) > MANY
    error = refused(line, f"{MANY - SHOWN} others and more: ", "from a JPEG")
    counts = [int(count) for count in re.findall(r"(\d+) pixels", error.got)]
    assert len(counts) == SHOWN + 1
    assert sum(counts) == len(pixels)


def test_unknown_codes_get_the_hint_for_them(tmp_path):
    line = voc(tmp_path)
    save(tmp_path / "SegmentationClass/2007_1.png", Image.new("L", (9, 7), 9))
    refused(line, next_step=HINTS["unknown"])
    soft = np.linspace(0, 254, 63).astype(np.uint8).reshape(7, 9)
    save(tmp_path / "SegmentationClass/2007_1.png", Image.fromarray(soft))
    refused(line, next_step=f"{HINTS['unknown']}\n    {HINTS['soft']}")
