"""sceneparse convert: folders of each style become the annotations made by hand."""

import shlex
import zipfile

import pytest
from command import sceneparse
from mask_folders import annotation, by_hand, contents, converted, drawn, photo, save, split_of, write
from mask_styles import CAMVID_CODES, CITYSCAPES_CODES, VOC_CODES, camvid, cityscapes, voc
from PIL import Image

from sceneparse.convert.inspection import inspect
from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.layout import SPLITS

pytestmark = pytest.mark.usefixtures("here")


def test_colour_masks(tmp_path):
    members = contents(converted(camvid(tmp_path)))
    for id, split in split_of(tmp_path / "set.zip").items():
        expected = by_hand(tmp_path / f"labels/{id}_L.png", CAMVID_CODES)
        assert annotation(members[f"annotations/{split}/{id}.png"]) == expected
        picture = (tmp_path / f"raw/{id}.png").read_bytes()
        assert members[f"images/{split}/{id}.png"] == picture, "a PNG stays as it is"
    assert members["objectInfo150.txt"] == b"Idx\tName\tColour\n1\tsky\t#808080\n2\tvehicle\t#400080\n"
    assert len(members) == 9


def test_palette_masks_by_their_indices_and_lists(tmp_path, capsys):
    members = contents(converted(voc(tmp_path)))
    places = ("training/2007_1", "training/2007_3", "validation/2007_2")
    names = [*(f"annotations/{place}.png" for place in places), *(f"images/{place}.jpg" for place in places)]
    assert sorted(members) == [*names, "objectInfo150.txt"]
    for place in places:
        name = place.partition("/")[2]
        expected = by_hand(tmp_path / f"SegmentationClass/{name}.png", VOC_CODES)
        assert annotation(members[f"annotations/{place}.png"]) == expected
        assert members[f"images/{place}.jpg"] == (tmp_path / f"JPEGImages/{name}.jpg").read_bytes()
    shown = capsys.readouterr().out
    assert "files without a partner, left out (1): JPEGImages/2007_4.jpg\n" in shown
    assert "0 errors" in shown
    assert "source: set.zip\n    digest: sha256:" in shown


def test_ids_in_nested_folders(tmp_path, capsys):
    members = contents(converted(cityscapes(tmp_path)))
    places = {"training/ulm_1": "train/ulm/ulm_1", "training/bonn_1": "train/bonn/bonn_1"}
    places["validation/kiel_1"] = "val/kiel/kiel_1"
    assert {name for name in members if name.startswith("images")} == {f"images/{place}.png" for place in places}
    for place, source in places.items():
        expected = by_hand(tmp_path / f"gtFine/{source}_gtFine_labelIds.png", CITYSCAPES_CODES)
        assert annotation(members[f"annotations/{place}.png"]) == expected
    assert members["objectInfo150.txt"] == b"Idx\tName\n1\troad\n2\tvehicle\n3\tsidewalk\n"
    assert "pairs in neither split, left out: 1\n" in capsys.readouterr().out


def test_the_same_input_gives_the_same_bytes(tmp_path):
    line = cityscapes(tmp_path)
    first = converted(line).read_bytes()
    assert converted(line.replace("set.zip", "elsewhere/other.zip")).read_bytes() == first
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_names_that_repeat_in_folders_keep_their_folders(tmp_path):
    for seed, name in enumerate(("day/1", "Night/1", "Night/2")):
        save(tmp_path / f"raw/{name}.jpg", photo(seed))
        save(tmp_path / f"labels/{name}.png", Image.fromarray(drawn(seed, [1, 2])))
    write(tmp_path / "t.csv", "name;value\na;1\nb;2\n")
    path = converted("raw labels --classes t.csv --folders night DAY --out set.zip")
    assert split_of(path) == {"day_1": "validation", "Night_1": "training", "Night_2": "training"}
    members = contents(path)
    assert members["images/validation/day_1.jpg"] == (tmp_path / "raw/day/1.jpg").read_bytes()
    expected = by_hand(tmp_path / "labels/day/1.png", {1: 1, 2: 2})
    assert annotation(members["annotations/validation/day_1.png"]) == expected
    write(tmp_path / "train.txt", "/Night/1.jpg\n2.jpg\n")
    write(tmp_path / "val.txt", "day/1\n")
    listed = split_of(converted("raw labels --classes t.csv --lists train.txt val.txt --out set.zip"))
    assert listed == split_of(path)


def test_pictures_that_are_not_read_are_counted(tmp_path, capsys):
    line = camvid(tmp_path)
    (tmp_path / "raw/z.heic").write_bytes(b"")
    converted(line)
    assert "ignored, as they cannot be read: 1 x *.heic\n" in capsys.readouterr().out
    (tmp_path / "raw/a.png").rename(tmp_path / "raw/a.HEIC")
    with pytest.raises(InputError) as refused:
        converted(line)
    assert "labels/a_L.png: no partner" in str(refused.value)
    assert "raw: ignored, as they cannot be read: 2 x *.heic" in str(refused.value)


def test_the_command_line(tmp_path):
    """Many pairs are converted in processes; no bar is drawn without a terminal."""
    words = shlex.split(camvid(tmp_path, [f"{number:03}" for number in range(120)]))
    done = sceneparse("convert", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 errors" in done.stdout
    assert len(split_of(tmp_path / "set.zip")) == 120


def test_two_classes_of_black_and_white(tmp_path):
    """Masks as drawing programs save them; a comma does not cut a name."""
    for seed in range(8):
        save(tmp_path / f"photos/{seed}.jpg", photo(seed))
        save(tmp_path / f"masks/{seed}.png", Image.fromarray(drawn(seed, [0, 255])))
    write(tmp_path / "leaves.csv", 'name,value\nsoil,0\n"leaf, green",255\n')
    path = converted("photos masks --classes leaves.csv --share 0.25 --out leaves.zip")
    assert inspect(path, 2).findings == []
    with Archive(path) as archive:
        assert archive.classes == ("soil", "leaf, green")
        assert [len(archive.pairs(split)) for split in SPLITS] == [6, 2]
