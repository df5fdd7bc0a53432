"""sceneparse convert: folders of each style become the annotations made by hand, or a refusal that names everything."""

import csv
import inspect
import io
import json
import re
import shlex
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from datasets import demo_params
from PIL import Image

from pipeline.cli import make_parser
from pipeline.own_data.convert import convert
from pipeline.own_data.inspection import inspect as inspect_dataset
from pipeline.own_data.legend import read_legend
from pipeline.own_data.unknown import MANY, SHOWN
from stages.data.archive import SPLITS, Archive
from stages.errors import InputError
from stages.evaluate import evaluate
from stages.prepare import prepare
from stages.train import train
from stages.weights import weights

SKY, CAR, TRUCK, VOID = (128, 128, 128), (64, 0, 128), (192, 128, 192), (0, 0, 0)
CAMVID = "name,r,g,b\nsky,128,128,128\nvehicle,64,0,128\nvehicle,192,128,192\nIgnored,0,0,0\n"
VOC = "name,value\nbackground,0\naeroplane,1\nbicycle,2\n"
CITYSCAPES = [
    {"name": "road", "id": 7},
    {"name": "vehicle", "id": [26, 27]},
    {"name": "sidewalk", "id": 8},
    {"name": "ignored", "id": list(range(7))},
]


def save(path, picture, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def photo(seed, size=(9, 7)):
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(noise)


def drawn(seed, choices, size=(9, 7)):
    """An array of these values or colours, [H, W] or [H, W, 3]."""
    generator = np.random.default_rng(seed + 1000)
    return np.array(choices)[generator.integers(0, len(choices), size[::-1])].astype(np.uint8)


def camvid(folder, names=("a", "b", "c", "d")):
    for seed, name in enumerate(names):
        save(folder / f"raw/{name}.png", photo(seed))
        save(folder / f"labels/{name}_L.png", Image.fromarray(drawn(seed, [SKY, CAR, TRUCK, VOID])))
    write(folder / "camvid.csv", CAMVID)
    return f"raw labels --mask-suffix _L --classes camvid.csv --out set.zip --share 0.5 --seed {len(names)}"


def voc(folder):
    for seed, name in enumerate(("2007_1", "2007_2", "2007_3", "2007_4")):
        save(folder / f"JPEGImages/{name}.jpg", photo(seed), quality=90)
        if name != "2007_4":
            mask = Image.fromarray(drawn(seed, [0, 1, 2, 255]))
            mask.putpalette([channel for value in range(256) for channel in (value, 255 - value, 7)])
            save(folder / f"SegmentationClass/{name}.png", mask)
    write(folder / "voc.csv", VOC)
    write(folder / "train.txt", "2007_1\n2007_3\n")
    write(folder / "val.txt", "2007_2\r\n\r\n")
    return "JPEGImages SegmentationClass --classes voc.csv --lists train.txt val.txt --out set.zip"


def cityscapes(folder):
    for seed, name in enumerate(("train/ulm/ulm_1", "train/bonn/bonn_1", "val/kiel/kiel_1", "test/rom/rom_1")):
        save(folder / f"leftImg8bit/{name}_leftImg8bit.png", photo(seed))
        values = drawn(seed, [0, 1, 6, 7, 8, 26, 27])
        save(folder / f"gtFine/{name}_gtFine_labelIds.png", Image.fromarray(values))
        save(folder / f"gtFine/{name}_gtFine_color.png", photo(seed))
        write(folder / f"gtFine/{name}_gtFine_polygons.json", "{}")
    write(folder / "cityscapes.json", json.dumps(CITYSCAPES))
    return (
        "leftImg8bit gtFine --image-suffix _leftImg8bit --mask-suffix _gtFine_labelIds --classes cityscapes.json "
        "--folders --out set.zip"
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Convert by the command line's words, in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(line):
        flags = vars(make_parser().parse_args(["convert", *shlex.split(line)]))
        del flags["run"]
        flags.pop("debug", None)
        convert(**flags)
        return tmp_path / flags["out"]

    return run


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def by_hand(path, meaning, colour):
    """The annotation of a mask, pixel by pixel."""
    mask = Image.open(path)
    mask = mask.convert("RGB") if colour else mask
    return [[meaning[mask.getpixel((x, y))] for x in range(mask.width)] for y in range(mask.height)]


def annotation(content):
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.mode, content[24:26]) == ("PNG", "L", bytes((8, 0)))
    return np.asarray(picture).tolist()


def test_colour_masks(run, tmp_path):
    members = contents(run(camvid(tmp_path)))
    meaning = {SKY: 1, CAR: 2, TRUCK: 2, VOID: 0}
    found = {name.split("/")[2].split(".")[0]: name for name in members if name.startswith("annotations/")}
    assert set(found) == {"a", "b", "c", "d"}
    for id, name in found.items():
        assert annotation(members[name]) == by_hand(tmp_path / f"labels/{id}_L.png", meaning, colour=True)
        image = name.replace("annotations", "images")
        assert members[image] == (tmp_path / f"raw/{id}.png").read_bytes(), "a PNG stays as it is"
    assert members["objectInfo150.txt"] == b"Idx\tName\n1\tsky\n2\tvehicle\n"
    assert len(members) == 9


def test_palette_masks_by_their_indices_and_lists(run, tmp_path, capsys):
    path = run(voc(tmp_path))
    members = contents(path)
    meaning = {0: 1, 1: 2, 2: 3, 255: 0}
    assert sorted(members) == [
        *(f"annotations/{place}.png" for place in ("training/2007_1", "training/2007_3", "validation/2007_2")),
        *(f"images/{place}.jpg" for place in ("training/2007_1", "training/2007_3", "validation/2007_2")),
        "objectInfo150.txt",
    ]
    for place in ("training/2007_1", "training/2007_3", "validation/2007_2"):
        name = place.partition("/")[2]
        expected = by_hand(tmp_path / f"SegmentationClass/{name}.png", meaning, colour=False)
        assert annotation(members[f"annotations/{place}.png"]) == expected
        assert members[f"images/{place}.jpg"] == (tmp_path / f"JPEGImages/{name}.jpg").read_bytes()
    shown = capsys.readouterr().out
    assert "1 files have no partner: left out" in shown
    assert "0 errors" in shown
    assert "source: set.zip\n    digest: sha256:" in shown


def test_ids_in_nested_folders(run, tmp_path, capsys):
    members = contents(run(cityscapes(tmp_path)))
    meaning = {7: 1, 26: 2, 27: 2, 8: 3, 0: 0, 1: 0, 6: 0}
    places = {"training/ulm_1": "train/ulm/ulm_1", "training/bonn_1": "train/bonn/bonn_1"}
    places["validation/kiel_1"] = "val/kiel/kiel_1"
    assert {name for name in members if name.startswith("images")} == {f"images/{place}.png" for place in places}
    for place, source in places.items():
        expected = by_hand(tmp_path / f"gtFine/{source}_gtFine_labelIds.png", meaning, colour=False)
        assert annotation(members[f"annotations/{place}.png"]) == expected
    assert members["objectInfo150.txt"] == b"Idx\tName\n1\troad\n2\tvehicle\n3\tsidewalk\n"
    assert "1 pairs are in neither split: left out" in capsys.readouterr().out


@pytest.mark.parametrize("style", [camvid, voc, cityscapes])
def test_the_same_input_gives_the_same_bytes(run, tmp_path, style):
    line = style(tmp_path)
    first = run(line).read_bytes()
    assert run(line.replace("set.zip", "elsewhere/other.zip")).read_bytes() == first
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def split_of(path):
    with Archive(path) as archive:
        return {pair.id: split for split in SPLITS for pair in archive.pairs(split)}


def test_more_pictures_do_not_reshuffle_and_a_seed_does(run, tmp_path):
    names = [f"picture {number}" for number in range(40)]
    line = camvid(tmp_path, names).replace("0.5 --seed 40", "0.25")
    before = split_of(run(line))
    camvid(tmp_path, ["another", *names, "more"])
    after = split_of(run(line))
    assert after.items() > before.items()
    assert 4 <= list(before.values()).count("validation") <= 17
    assert split_of(run(f"{line} --seed 1")) != after


def test_names_that_repeat_in_folders_keep_their_folders(run, tmp_path):
    for seed, name in enumerate(("day/1", "Night/1", "Night/2")):
        save(tmp_path / f"raw/{name}.jpg", photo(seed))
        save(tmp_path / f"labels/{name}.png", Image.fromarray(drawn(seed, [1, 2])))
    write(tmp_path / "t.csv", "name;value\na;1\nb;2\n")
    path = run("raw labels --classes t.csv --folders night DAY --out set.zip")
    assert split_of(path) == {"day_1": "validation", "Night_1": "training", "Night_2": "training"}
    members = contents(path)
    assert members["images/validation/day_1.jpg"] == (tmp_path / "raw/day/1.jpg").read_bytes()
    expected = by_hand(tmp_path / "labels/day/1.png", {1: 1, 2: 2}, colour=False)
    assert annotation(members["annotations/validation/day_1.png"]) == expected
    write(tmp_path / "train.txt", "/Night/1.jpg\n2.jpg\n")
    write(tmp_path / "val.txt", "day/1\n")
    listed = split_of(run("raw labels --classes t.csv --lists train.txt val.txt --out set.zip"))
    assert listed == split_of(path)


@pytest.mark.parametrize(("suffix", "mode"), [(".bmp", "RGB"), (".tif", "L"), (".webp", "RGB"), (".tif", "CMYK")])
def test_other_pictures_become_png_without_loss(run, tmp_path, suffix, mode):
    line = camvid(tmp_path)
    (tmp_path / "raw/a.png").unlink()
    save(tmp_path / f"raw/a{suffix}", photo(7).convert(mode))
    members = contents(run(line))
    (name,) = (name for name in members if name.startswith("images/") and "/a." in name)
    with Image.open(tmp_path / f"raw/a{suffix}") as before, Image.open(io.BytesIO(members[name])) as after:
        assert after.format == "PNG"
        assert np.array_equal(np.asarray(after.convert("RGB")), np.asarray(before.convert("RGB")))


@pytest.mark.parametrize(
    ("mode", "values"), [("1", [0, 255]), ("I;16", [0, 1, 700, 24001]), ("P", [0, 1, 2])], ids=["1", "16", "palette"]
)
def test_masks_of_other_depths(run, tmp_path, mode, values):
    line = camvid(tmp_path)
    write(tmp_path / "camvid.csv", "name,value\nignored,0\nx,1\ny,700\nz,24001\nw,2\n")
    for seed, name in enumerate("abcd"):
        array = np.array(values)[np.random.default_rng(seed).integers(0, len(values), (7, 9))]
        mask = Image.fromarray(array.astype(np.uint16 if mode == "I;16" else np.uint8))
        if mode == "P":
            mask.putpalette([9, 9, 9] * 4)
        save(tmp_path / f"labels/{name}_L.png", mask.convert("1") if mode == "1" else mask)
    members = contents(run(line))
    meaning = {0: 0, 1: 1, 700: 2, 24001: 3, 2: 4, 255: 1}  # of a 1-bit picture Pillow says 255
    for name in "abcd":
        with Image.open(tmp_path / f"labels/{name}_L.png") as mask:
            assert mask.mode == mode
            expected = [[meaning[mask.getpixel((x, y))] for x in range(9)] for y in range(7)]
        (found,) = (member for member in members if member.startswith("annotations") and f"/{name}." in member)
        assert annotation(members[found]) == expected


def refused(run, line, *expected):
    with pytest.raises(InputError) as refusal:
        run(line)
    for text in expected:
        assert text in str(refusal.value), refusal.value
    return str(refusal.value)


def test_unknown_colours_are_listed_with_files_and_counts(run, tmp_path, capsys):
    line = camvid(tmp_path)
    for name, count in (("a", 3), ("c", 1)):
        mask = Image.open(tmp_path / f"labels/{name}_L.png")
        for x in range(count):
            mask.putpixel((x, 0), (1, 2, 3))
        mask.putpixel((0, 1), (255, 0, 0))
        mask.save(tmp_path / f"labels/{name}_L.png")
    shown = refused(
        run,
        line,
        "#010203 (1, 2, 3): 4 pixels in 2 masks: labels/a_L.png (3), labels/c_L.png (1)",
        "#ff0000 (255, 0, 0): 2 pixels in 2 masks",
    )
    assert shown.index("#010203") < shown.index("#ff0000")
    assert not (tmp_path / "set.zip").exists()
    members = contents(run(f"{line} --unknown ignore"))
    meaning = {SKY: 1, CAR: 2, TRUCK: 2, VOID: 0, (1, 2, 3): 0, (255, 0, 0): 0}
    (name,) = (name for name in members if name.startswith("annotations/") and "/a." in name)
    assert annotation(members[name]) == by_hand(tmp_path / "labels/a_L.png", meaning, colour=True)
    assert "unknown, became 0: #010203 (1, 2, 3): 4 pixels in 2 masks" in capsys.readouterr().out


def test_masks_that_were_jpegs_are_counted_in_bounded_memory(run, tmp_path):
    line = camvid(tmp_path)
    for seed, name in enumerate("abcd"):
        save(tmp_path / f"raw/{name}.png", photo(seed, (40, 30)))
        save(tmp_path / f"labels/{name}_L.png", photo(seed + 50, (40, 30)))
    pixels = np.concatenate([np.asarray(photo(seed + 50, (40, 30))).reshape(-1, 3) for seed in range(4)])
    assert len(np.unique(pixels, axis=0)) > MANY
    shown = refused(run, line, f"{MANY - SHOWN} others and more: ", "of a JPEG")
    counts = [int(count) for count in re.findall(r"(\d+) pixels", shown)]
    assert len(counts) == SHOWN + 1
    assert sum(counts) == len(pixels)


def test_ignored_codes_can_be_given(run, tmp_path):
    line = camvid(tmp_path)
    write(tmp_path / "camvid.csv", CAMVID.replace("Ignored,0,0,0\n", ""))
    refused(run, line, "#000000")
    kept = contents(run(f"{line} --ignore #000000"))
    write(tmp_path / "camvid.csv", CAMVID)
    assert contents(run(line)) == kept
    refused(run, f"{line} --ignore #808080", "#808080 is a class of the table")
    line = voc(tmp_path)
    refused(run, f"{line} --ignore 7", "255: ")


def test_every_pair_that_cannot_be_used_is_named(run, tmp_path):
    line = camvid(tmp_path, "abcdefgh")
    save(tmp_path / "labels/a_L.png", Image.fromarray(drawn(0, [SKY], (9, 6))))
    (tmp_path / "labels/b_L.png").write_bytes(b"no picture")
    save(tmp_path / "labels/c_L.png", Image.fromarray(drawn(0, [SKY])).convert("RGBA").rotate(45))
    (tmp_path / "raw/d.png").write_bytes(b"")
    save(tmp_path / "raw/e.png", Image.fromarray(np.zeros((7, 9), np.uint16)))
    refused(
        run,
        line,
        "labels/a_L.png: 9 x 6 pixels, but raw/a.png has 9 x 7",
        "labels/b_L.png: not a picture",
        "labels/c_L.png: expected an opaque RGB or palette picture for colours, got mode RGBA",
        "raw/d.png: not a picture",
        "raw/e.png: a picture of more than 8 bits",
    )
    assert not list(tmp_path.glob("*set.zip*"))


def test_what_check_finds_in_the_result_stops_it(run, tmp_path, capsys):
    line = camvid(tmp_path)
    (tmp_path / "raw/a.png").write_bytes((tmp_path / "raw/a.png").read_bytes()[:-40])
    with pytest.raises(SystemExit) as ended:
        run(line)
    assert ended.value.code == 1
    shown = capsys.readouterr().out
    assert "error: pictures that cannot be decoded (1)" in shown
    assert "set.zip is not written" in shown
    assert not list(tmp_path.glob("*set.zip*"))


@pytest.mark.parametrize(
    ("mode", "text"), [("RGB", "got mode RGB"), ("LA", "got mode LA"), ("2 bits", "of less than 8 bits")]
)
def test_masks_that_are_no_values(run, tmp_path, mode, text):
    line = voc(tmp_path)
    if mode == "2 bits":
        save(tmp_path / "SegmentationClass/2007_1.png", Image.new("L", (9, 7), 85), bits=2)
    else:
        save(tmp_path / "SegmentationClass/2007_1.png", photo(0).convert(mode))
    refused(run, line, "SegmentationClass/2007_1.png: expected a palette", text)


def test_pairs_that_cannot_be_made(run, tmp_path):
    line = camvid(tmp_path)
    (tmp_path / "labels/a_L.png").unlink()
    save(tmp_path / "labels/z_L.png", photo(0))
    refused(run, line, "raw/a.png: no partner", "labels/z_L.png: no partner")
    assert len(split_of(run(f"{line} --unpaired skip"))) == 3
    refused(run, line.replace("_L", "_M"), "4 pictures, 0 masks, 0 pairs")
    save(tmp_path / "raw/b.jpg", photo(0))
    save(tmp_path / "raw/x/b.png", photo(0))
    refused(run, line, "raw/b.png: the same name as raw/b.jpg")


@pytest.mark.parametrize("end", [".jpg", ".png"])
def test_pictures_and_masks_in_one_folder(run, tmp_path, end):
    for seed, name in enumerate("abcd"):
        save(tmp_path / f"all/{name}{end}", photo(seed))
        save(tmp_path / f"all/masks/{name}_m.png", Image.fromarray(drawn(seed, [0, 1, 2])))
    write(tmp_path / "voc.csv", VOC)
    path = run("all all --mask-suffix _m --classes voc.csv --share 0.5 --seed 4 --out set.zip")
    assert set(split_of(path)) == set("abcd")


def test_lists_that_do_not_fit(run, tmp_path):
    line = voc(tmp_path)
    write(tmp_path / "train.txt", "2007_1\n2007_2\n2007_4\nnowhere\n")
    refused(
        run,
        line,
        "train.txt: 2007_4: no pairs of this name",
        "train.txt: nowhere: no pairs",
        "val.txt: 2007_2: in the other list too",
    )
    (tmp_path / "val.txt").unlink()
    refused(run, line, "No such file")


@pytest.mark.parametrize("how", ["--share 0", "--share 1", "--folders x y", "--folders", "--folders a"])
def test_a_split_that_stays_empty(run, tmp_path, how):
    refused(run, camvid(tmp_path).replace("--share 0.5", how), "a split is empty")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.csv", "", "columns"),
        ("t.csv", "name\nsky\n", "columns name"),
        ("t.csv", "name,value,colour\nsky,1,#000000\n", "both: say --masks-by"),
        ("t.csv", "name,value\nsky,1\nroad,1\n", "row 3: another class has the same value"),
        ("t.csv", "name,value\n,1\nroad,x\nsky,70000\n", "row 2: no name"),
        ("t.csv", "name,value\n,1\nroad,x\nsky,70000\n", "row 3: expected a value, got 'x'"),
        ("t.csv", "name,value\n,1\nroad,x\nsky,70000\n", "row 4: expected a value of 0..65535, got 70000"),
        ("t.csv", "name,colour\nsky,#12\n", "row 2: expected a colour"),
        ("t.csv", "name,r,g,b\nsky,1,2,256\n", "row 2: expected colours of 0..255"),
        ("t.csv", "name,value\nignored,1\n", "0 classes"),
        ("t.csv", "name,value\n" + "".join(f"c{n},{n}\n" for n in range(255)), "255 classes"),
        ("t.json", "{", "Expecting"),
        ("t.json", "3", "int"),
        ("t.json", '[{"name": "a", "value": 1.5}]', "object 1: expected a value, got 1.5"),
    ],
)
def test_class_tables_that_cannot_be_used(tmp_path, name, content, expected):
    with pytest.raises(InputError) as refusal:
        read_legend(write(tmp_path / name, content), None, None)
    assert expected in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "name,r,g,b\nsky,128,64,0\nroad,0,0,255\n"),
        ("t.csv", "\ufeffNAME\tRed\tGreen\tBlue\nsky\t128\t64\t0\nroad\t0\t0\t255\n"),
        ("t.csv", "name;colour\nsky;128,64,0\nroad;#0000FF\n"),
        ("t.csv", 'color, name\n"128, 64, 0", sky\n(0 0 255), road\n'),
        ("t.json", '[{"name": "sky", "colour": [128, 64, 0]}, {"name": "road", "colour": "#0000ff"}]'),
        ("t.json", '[{"name": "sky", "color": ["#804000"]}, {"name": "road", "color": [[0, 0, 255]]}]'),
        ("t.json", '[{"name": "sky", "r": 128, "g": 64, "b": 0}, {"name": "road", "r": 0, "g": 0, "b": 255}]'),
    ],
)
def test_class_tables_say_the_same_in_many_ways(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    legend = read_legend(path, None, None)
    assert legend.names == ("sky", "road")
    assert legend.codes == ((0x804000, 1), (0x0000FF, 2))


def test_a_table_with_both_is_read_as_told(tmp_path):
    path = write(tmp_path / "t.csv", "name,id,color\nsky,5,#804000\nignored,6,#000000\n")
    assert read_legend(path, "value", None).codes == ((5, 1), (6, 0), (255, 0))
    assert read_legend(path, "colour", None).codes == ((0x804000, 1), (0, 0))


def documented(root):
    """The blocks of the documentation, by their languages."""
    return re.findall(r"^```(\w*)\n(.*?)^```", (root / "docs/own-data.md").read_text(), re.DOTALL | re.MULTILINE)


def test_commands_of_the_documentation_are_valid(root):
    shell = "\n".join(text for language, text in documented(root) if language == "sh").replace("\\\n", " ")
    commands = [line for line in shell.splitlines() if line.startswith("sceneparse ")]
    assert len(commands) == 6
    for line in commands:
        make_parser().parse_args(shlex.split(line)[1:])


def test_class_tables_of_the_documentation(root, tmp_path):
    blocks = [text for _, text in documented(root)]
    (voc,) = (text for text in blocks if text.startswith("name,value\nbackground"))
    names = read_legend(write(tmp_path / "voc.csv", voc), None, None).names
    assert (len(names), names[0], names[-1]) == (21, "background", "tvmonitor")
    (cityscapes,) = (text for text in blocks if text.startswith("[\n"))
    legend = read_legend(write(tmp_path / "cityscapes.json", cityscapes), None, None)
    assert (len(legend.names), legend.names[-1]) == (19, "bicycle")
    assert {code for code, _ in legend.codes} == {*range(34), 255}
    (columns,) = (text for text in blocks if text.startswith("name,value  "))
    for number, title in enumerate(re.split(r"\s{2,}", columns.splitlines()[0])):
        start = columns.splitlines()[0].index(title)
        cells = [re.split(r"\s{2,}", line[start:])[0].strip() for line in columns.splitlines()]
        table = write(tmp_path / f"{number}.csv", "\n".join(filter(None, cells)) + "\n")
        assert read_legend(table, None, None).names == ("road", "car")
    shown = re.findall(r"`(\[\{.*?\}\])`", (root / "docs/own-data.md").read_text())
    assert [len(read_legend(write(tmp_path / "t.json", text), None, None).names) for text in shown] == [2, 2]


def test_the_table_of_camvid_s_colours(root, tmp_path):
    (line,) = (line for _, text in documented(root) for line in text.splitlines() if line.startswith("awk "))
    write(tmp_path / "label_colors.txt", "64 128 64\tAnimal\n0 0 0\t\tVoid\n128 128 128\tSky\n")
    subprocess.run(["bash", "-c", line], cwd=tmp_path, check=True)
    legend = read_legend(tmp_path / "camvid.csv", None, None)
    assert (legend.names, legend.codes) == (("Animal", "Sky"), ((0x408040, 1), (0, 0), (0x808080, 2)))


def test_the_command_line(tmp_path, root):
    """As a process: many pairs, in processes; no progress bar where nobody watches, and status 1 for a refusal."""
    line = camvid(tmp_path, [f"{number:03}" for number in range(120)])
    command = [sys.executable, "-W", "error", "-m", "pipeline.cli", "convert", *shlex.split(line)]
    environment = {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 errors" in done.stdout
    assert len(split_of(tmp_path / "set.zip")) == 120
    before = (tmp_path / "set.zip").read_bytes()
    (tmp_path / "labels/007_L.png").unlink()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "raw/007.png: no partner" in done.stderr
    assert (tmp_path / "set.zip").read_bytes() == before


def two_classes(folder, count=28):
    """Leaves on soil: pictures and 0/255 masks, as drawing programs save them."""
    for number in range(count):
        generator = np.random.default_rng(number)
        height, width = generator.integers(56, 80, 2)
        rows, columns = np.mgrid[:height, :width]
        y, x = generator.uniform(0.3, 0.7, 2) * (height, width)
        leaf = ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 < generator.uniform(0.06, 0.12)
        picture = np.where(leaf[..., None], (60, 150, 50), (120, 85, 60)) + generator.normal(0, 12, (height, width, 3))
        save(folder / f"photos/{number:02}.jpg", Image.fromarray(picture.clip(0, 255).astype(np.uint8)))
        save(folder / f"masks/{number:02}.png", Image.fromarray(255 * leaf.astype(np.uint8)))
    write(folder / "leaves.csv", "name,value\nsoil,0\nleaf,255\n")


def test_two_classes_from_folders_to_a_trained_model(run, tmp_path):
    """The whole way that docs/own-data.md tells."""
    two_classes(tmp_path)
    path = run("photos masks --classes leaves.csv --share 0.25 --out leaves.zip")
    assert inspect_dataset(path, 4).findings == []
    small = {"epochs": 8, "batch_size": 4, "learning_rate": 0.003, "warmup_steps": 5, "augment": {"scale_max": 1.0}}
    params = demo_params(prepare={"size": 64}, model={"width": 1 / 16, "dropout": 0.0}, train=small)
    prepare(params, path, tmp_path / "records")
    weights(params, tmp_path / "cache", tmp_path / "backbone")
    made = [tmp_path / name for name in ("model.keras", "model.json", "curves", "state")]
    train(params, tmp_path / "records", tmp_path / "backbone", *made)
    given = {"params": params, "model": made[0], "card": made[1], "dataset": path, "records": tmp_path / "records"}
    tables = {name: tmp_path / name for name in inspect.signature(evaluate).parameters if name not in given}
    evaluate(**given, **tables)
    with tables["per_class"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["soil", "leaf"]
    labelled = np.array([int(row["labelled_pixels"]) for row in rows])
    for row, share in zip(rows, labelled / labelled.sum(), strict=True):
        # Guessing a class everywhere gives it its share as IoU, and the other one 0.
        assert float(row["iou"]) > max(0.5, share), rows
        assert int(row["predicted_pixels"]) > 0
