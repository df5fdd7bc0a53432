"""The most confused classes."""

from sceneparse.report.measured import Confused
from stages.visualize.confusions import confused_classes, heat_map, most_confused

CELLS = [
    Confused(1, 1, 900, 0.9),
    Confused(1, 2, 60, 0.06),
    Confused(1, 0, 500, 0.04),
    Confused(2, 1, 60, 0.5),
    Confused(3, 4, 300, 0.3),
    Confused(4, 4, 800, 1.0),
    Confused(5, 1, 70, 0.7),
]
NAMES = ["other", "wall", "sky", "lamp", "tree", "sky"]


def test_pairs_are_ranked_by_pixels():
    assert [(cell.truth_id, cell.prediction_id) for cell in most_confused(CELLS)] == [(3, 4), (5, 1), (1, 2), (2, 1)]


def test_classes_of_the_most_confused_pairs():
    assert confused_classes(CELLS, 9) == [1, 2, 3, 4, 5]
    assert confused_classes(CELLS, 4) == [1, 3, 4, 5]
    assert confused_classes(CELLS, 3) == [3, 4], "never more than asked"
    assert confused_classes(CELLS, 0) == []


def test_the_heat_map_holds_their_cells():
    spec = heat_map(CELLS, NAMES, 4)
    assert [(row["truth"], row["prediction"]) for row in spec["data"]["values"]] == [
        ("wall", "wall"),
        ("lamp", "tree"),
        ("tree", "tree"),
        ("sky (5)", "wall"),
    ]
    assert spec["encoding"]["x"]["scale"]["domain"] == ["wall", "lamp", "tree", "sky (5)"], "in order, told apart"


def test_nothing_confused():
    assert heat_map(CELLS[:1], NAMES, 9) is None
    assert heat_map([], NAMES, 9) is None


def test_cells_are_squares():
    """The heat map of two classes is a heat map too."""
    for most in (2, 5):
        spec = heat_map(CELLS, NAMES, most)
        assert spec["width"] == spec["height"] == {"step": 64}
    many = [Confused(value, value % 60 + 1, 9, 1.0) for value in range(1, 61)]
    spec = heat_map(many, [str(value) for value in range(61)], 60)
    assert spec["width"] == spec["height"] == {"step": 26}
