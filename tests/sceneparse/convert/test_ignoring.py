"""--ignore: names of classes, values and colours become 0; a class named as if it were none gets a warning."""

import re
from unicodedata import normalize

import pytest
from annotated import LOW, SHARE, SQUARE, pictures
from mask_folders import annotation, by_hand, contents, converted, refused, write
from mask_styles import CAR, SKY, TRUCK, VOID, camvid
from tool_files import coco, flat, write_json

from sceneparse.convert.mask_legend import name_labels, read_labels, read_legend
from sceneparse.core.errors import InputError

LIST = "128 128 128\tSky\n64 0 128\tCar\n192 128 192\tTruck\n0 0 0\t\tVoid\n"  # as CamVid's label_colors.txt


@pytest.fixture
def camvid_list(here):
    line = camvid(here).replace("camvid.csv", "label_colors.txt")
    write(here / "label_colors.txt", LIST)
    return line


@pytest.mark.parametrize("word", ["Void", "void", "'#000000'", "'0 0 0'", "0,0,0"])
def test_a_class_is_ignored_by_name_or_colour(here, camvid_list, capsys, word):
    members = contents(converted(f"{camvid_list} --ignore {word}"))
    table = "Idx\tName\tColour\n1\tSky\t#808080\n2\tCar\t#400080\n3\tTruck\t#c080c0\n"
    assert members["objectInfo150.txt"].decode() == table
    (name,) = (name for name in members if name.startswith("annotations/") and "/a." in name)
    assert annotation(members[name]) == by_hand(here / "labels/a_L.png", {SKY: 1, CAR: 2, TRUCK: 3, VOID: 0})
    assert "--ignore" not in capsys.readouterr().out


def test_several_are_ignored_and_the_others_numbered_again(here, camvid_list):
    members = contents(converted(f"{camvid_list} --ignore sky #000000 truck #010203"))
    assert members["objectInfo150.txt"] == b"Idx\tName\tColour\n1\tCar\t#400080\n"
    (name,) = (name for name in members if name.startswith("annotations/") and "/a." in name)
    assert annotation(members[name]) == by_hand(here / "labels/a_L.png", {SKY: 0, CAR: 1, TRUCK: 0, VOID: 0})


def test_a_class_stays_while_one_of_its_codes_does(tmp_path):
    path = write(tmp_path / "t.csv", "name,value\ncar,1\ncar,2\nroad,3\nroad,4\nsky,9\n")
    legend = read_legend(path, None, ["2", "ROAD"])
    assert (legend.names, dict(legend.codes)) == (("car", "sky"), {1: 1, 2: 0, 3: 0, 4: 0, 9: 2})


def test_names_leave_the_value_255_ignored(tmp_path):
    path = write(tmp_path / "t.csv", "name,value\nvoid,0\nsky,1\n")
    assert dict(read_legend(path, None, ["void"]).codes) == {0: 0, 1: 1, 255: 0}
    assert dict(read_legend(path, None, ["void", "254"]).codes) == {0: 0, 1: 1, 254: 0}


def test_an_ignored_class_counts_towards_no_limit(tmp_path):
    path = write(tmp_path / "t.txt", "void\n" + "".join(f"c{number}\n" for number in range(254)))
    assert len(read_legend(path, None, ["void"]).names) == 254
    with pytest.raises(InputError) as refusal:
        read_legend(path, None, ["void", *(f"c{number}" for number in range(254))])
    assert refusal.value.got == "0 classes"


@pytest.mark.parametrize("name", ["void", "Void", "UNLABELLED", "unlabeled", "Ignore", "other"])
def test_a_class_that_sounds_like_none_gets_a_warning_with_the_flag(here, camvid_list, capsys, name):
    write(here / "label_colors.txt", LIST.replace("Void", name))
    converted(camvid_list)
    shown = capsys.readouterr().out
    others = re.findall(r"^warning: .* \((\d+)\)$", shown, re.MULTILINE)
    assert f"0 errors, {sum(map(int, others)) + 1} warnings\n" in shown
    (line,) = (line for line in shown.splitlines() if "--ignore" in line)
    assert line.startswith(f"warning: {name} ")
    assert line.endswith(f"--ignore {name}")


@pytest.mark.parametrize("name", ["background", "Ignored", "otherfurniture"])
def test_other_names_get_none(here, camvid_list, capsys, name):
    write(here / "label_colors.txt", LIST.replace("Void", name))
    converted(camvid_list)
    assert "--ignore" not in capsys.readouterr().out


def test_labels_of_shapes_are_ignored_too(here, capsys):
    pictures(here / "p", ["a.jpg", "b.jpg"])
    shapes = [(image, category, [flat(points)]) for image in (0, 1) for category, points in ((0, SQUARE), (1, LOW))]
    write_json(here / "x.json", coco(*shapes, images=("a.jpg", "b.jpg"), categories=("void", "road")))
    converted(f"p x.json {SHARE}")
    assert "warning: void becomes a class" in capsys.readouterr().out
    members = contents(converted(f"p x.json {SHARE} --ignore VOID"))
    assert members["objectInfo150.txt"] == b"Idx\tName\n1\troad\n"
    assert "--ignore" not in capsys.readouterr().out
    refused(f"p x.json {SHARE} --ignore viod", "did you mean void?", file="the command line")


def test_labels_and_background(tmp_path):
    path = write(tmp_path / "t.csv", "name,label\nroad,street\nroad,lane\nvoid,hole\n")
    legend = read_labels(path, "void", ["lane", "Void"])
    assert (legend.names, dict(legend.labels)) == (("road",), {"street": 1, "lane": 0, "hole": 0})
    assert legend.background == 0
    assert name_labels(["a", "b"], "ground", path, ["a"]).names == ("ground", "b")


def test_blanks_at_ends_and_the_form_of_accents_do_not_count(tmp_path):
    path = write(tmp_path / "t.csv", normalize("NFD", "name,label\ncafé,x\nroad,allée\nvélo,y\n"))
    one = [normalize("NFC", text) for text in ("café ", " allée", "VÉLO ")]
    legend = read_labels(path, one[0], one[1:])
    assert (legend.names, legend.background) == ((one[0].strip(),), 1)
    assert dict(legend.labels) == {"x": 1, one[1].strip(): 0, "y": 0}
