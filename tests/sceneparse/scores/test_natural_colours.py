"""Natural colours: which names get them, how far they are apart, and what the other classes get beside them."""

import numpy as np
import pytest
from ciede2000 import ciede2000, lab, light

from sceneparse.scores.natural_colours import NATURAL, natural_colour
from sceneparse.scores.palette import APART, class_palette, palette
from stages.download.painting.kinds import Kind

CITYSCAPES = (
    *(
        "road",
        "sidewalk",
        "building",
        "wall",
        "fence",
        "pole",
        "traffic light",
        "traffic sign",
        "vegetation",
        "terrain",
    ),
    *("sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
)
CAMVID = (
    "Sky",
    "Building",
    "Pole",
    "Road",
    "Pavement",
    "Tree",
    "SignSymbol",
    "Fence",
    "Car",
    "Pedestrian",
    "Bicyclist",
)
DEMO = tuple(kind.label for kind in Kind if kind)
CROWDED = ("tree", "Palm-trees", "tree trunk", "water", "sea", "lake", "river", "sky", "foo", "bar", "road", "Streets")
MANY = tuple(f"thing {number}" for number in range(100)) + tuple(f"{kind}, {kind}s" for kind in 2 * CITYSCAPES + CAMVID)
SETS = {"demo": DEMO, "cityscapes": CITYSCAPES, "camvid": CAMVID, "crowded": CROWDED, "many": MANY, "two": CROWDED[:2]}


def least_difference(colours):
    points = [lab(light(colour)) for colour in colours]
    return min(ciede2000(point, other) for number, point in enumerate(points) for other in points[:number])


def hexes(colours):
    """Return #rrggbb of the classes 1..N."""
    return [f"#{colour.tobytes().hex()}" for colour in colours[1:]]


def of(name):
    return next(colour for colour, names in NATURAL.items() if name in names.split(", "))


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        *(("SKY", "sky"), ("skies", "sky"), ("sky;blue", "sky"), ("night sky", "sky"), ("sky-other-merged", "sky")),
        *(("Trees", "tree"), ("palm, palm tree", "tree"), ("palm_tree", "tree"), ("VegetationMisc", "tree")),
        *(("person;individual;someone", "person"), ("People", "person"), ("human--person--individual", "person")),
        *(("road, route", "road"), ("construction--flat--road", "road"), ("dirt-road", "road")),
        *(("building;edifice", "building"), ("Houses", "building"), ("sidewalk/pavement", "pavement")),
        *(("SignSymbol", "sign"), ("signsymbol", "sign"), ("traffic sign", "sign"), ("Column_Pole", "pole")),
        *(("bushes", "plant"), ("buses", "bus"), ("grass", "grass"), ("sea", "sea"), ("TrafficLight", "traffic light")),
        *(("land, ground, soil", "earth"), ("Bicyclist", "bicyclist"), ("bikes", "bicycle"), ("water 2", "water")),
    ],
)
def test_a_common_name_is_known_in_any_spelling(name, plain):
    assert natural_colour(name).colour == of(plain)


@pytest.mark.parametrize("name", ["tree trunk", "glass", "thing", "skyline", "carpet", "s", "", " ; ", "123", "空"])
def test_other_names_have_no_natural_colour(name):
    assert natural_colour(name) is None


def test_natural_colours_are_far_apart_and_each_name_is_in_one_row():
    colours = np.array([[*bytes.fromhex(colour[1:])] for colour in NATURAL], np.uint8)
    assert least_difference([np.zeros(3, np.uint8), *colours]) >= APART
    assert min(lab(light(colour))[0] for colour in colours) > 30, "none is near black"
    names = [name for row in NATURAL.values() for name in row.split(", ")]
    assert len(names) == len(set(names))
    assert all(natural_colour(name).colour == of(name) for name in names)
    # A row's first name is the one that keeps its colour.
    assert all(
        natural_colour(row.split(", ")[0]) < natural_colour(row.split(", ")[-1]) or ", " not in row
        for row in NATURAL.values()
    )


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_all_colours_of_a_dataset_keep_the_distance(names):
    least = min(APART, least_difference(palette(len(names))))
    colours = class_palette(names)
    assert colours.shape == (len(names) + 1, 3)
    assert colours[0].tolist() == [0, 0, 0]
    assert least_difference(colours) >= least - 1e-5


@pytest.mark.parametrize("names", [DEMO, CAMVID], ids=["demo", "camvid"])
def test_all_classes_of_the_demo_and_camvid_have_their_natural_colours(names):
    assert hexes(class_palette(names)) == [natural_colour(name).colour for name in names]


def test_the_name_that_fits_best_keeps_the_colour_and_others_get_one_like_it():
    colours = dict(zip(CROWDED, hexes(class_palette(CROWDED)), strict=True))
    for name in ("tree", "water", "sea", "sky", "road"):
        assert colours[name] == of(name)
    for name, angles in {"Palm-trees": (100, 180), "river": (220, 320), "lake": (220, 320)}.items():  # green, blue
        _, a, b = lab(light(bytes.fromhex(colours[name][1:])))
        assert angles[0] < np.degrees(np.arctan2(b, a)) % 360 < angles[1], name

    first, second = hexes(class_palette(("river", "water")))
    assert (first != of("water"), second) == (True, of("water"))
    first, second = hexes(class_palette(("office building", "houses")))
    assert (first != of("house"), second) == (True, of("house")), "a whole name fits better than a last word"
    assert hexes(class_palette(("tree", "trees")))[0] == of("tree"), "of two that fit alike, the first"


def test_a_natural_colour_gives_way_to_a_colour_of_the_datasets_own():
    own = ("#78c8f0", "", "")  # what a sky would get
    colours = class_palette(("lake", "sky", "road"), own)
    assert hexes(colours)[::2] == ["#78c8f0", of("road")]
    assert least_difference(colours[1:]) >= APART - 1e-5
    assert hexes(class_palette(("sky", "road"), ("#112233", "#445566"))) == ["#112233", "#445566"]


def test_a_change_of_one_class_moves_few_others():
    before = class_palette(CITYSCAPES)
    for number in range(0, len(CITYSCAPES), 3):
        for name in ("thing", "water", "road"):
            after = class_palette([*CITYSCAPES[:number], name, *CITYSCAPES[number + 1 :]])
            assert (after != before).any(axis=1).sum() <= 4
        own = number * ("",) + ("#ff00ff",) + (len(CITYSCAPES) - number - 1) * ("",)
        assert (class_palette(CITYSCAPES, own) != before).any(axis=1).sum() <= 6
    assert np.array_equal(class_palette([*CITYSCAPES, "thing"])[:-1], before)
    assert np.array_equal(class_palette([name.upper() for name in CITYSCAPES]), before)


def test_254_classes_of_one_name_all_differ():
    colours = class_palette(254 * ("tree",))
    assert len(np.unique(colours, axis=0)) == 255
    assert class_palette(()).tolist() == [[0, 0, 0]]
