"""Two folders of PNGs: what is scored, and what is refused."""

import unicodedata

import numpy as np
import pytest
from photos import png
from PIL import Image

from sceneparse.core.errors import InputError
from sceneparse.scores.folders import read_class_table, score_folders

TRUTH = np.array([[0, 1, 1], [2, 2, 3]], np.uint8)
GUESS = np.array([[1, 1, 0], [2, 3, 3]], np.uint8)


@pytest.fixture
def folders(tmp_path):
    """A folder of annotations and one of predictions, each with two PNGs; the second below a folder."""
    for folder, values in (("truth", TRUTH), ("guess", GUESS)):
        for name in ("a.png", "deep/b.png"):
            save(tmp_path / folder / name, values)
    return tmp_path / "truth", tmp_path / "guess"


def save(path, values, mode="L", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(values)
    if mode == "P":
        # Colours that a conversion to grayscale would turn into other values.
        picture.putpalette(bytes(range(255, -1, -1)) * 3)
    picture.save(path, **options)


def refusal(folders, classes=3):
    with pytest.raises(InputError) as caught:
        score_folders(*folders, classes)
    return str(caught.value)


def test_pairs_are_found_and_added_up(folders):
    # Per picture: value 1 once right, once unpredicted; 2 right and taken for 3; 3 right; 0 is left out.
    assert score_folders(*folders, 3).tolist() == [[2, 0, 0, 2], [0, 2, 2, 0], [0, 0, 2, 0]]


def test_palette_pngs_count_by_index(folders):
    expected = score_folders(*folders, 3)
    save(folders[1] / "a.png", GUESS, "P")
    save(folders[1] / "deep/b.png", GUESS, "P", bits=4)
    assert np.array_equal(score_folders(*folders, 3), expected)


def test_accents_written_in_two_ways_are_one_name(folders):
    save(folders[0] / unicodedata.normalize("NFC", "Zürich.png"), TRUTH)
    save(folders[1] / unicodedata.normalize("NFD", "Zürich.png"), GUESS)
    assert score_folders(*folders, 3).sum() == 15
    save(folders[1] / unicodedata.normalize("NFC", "Zürich.png"), GUESS)
    assert "the same name as" in refusal(folders)


def test_suffixes_in_capitals(folders):
    (folders[1] / "a.png").rename(folders[1] / "a.PNG")
    assert score_folders(*folders, 3).sum() == 10


def test_legends_and_confidences_beside_predictions_are_passed_over(folders):
    """All PNGs as sceneparse predict writes them."""
    expected = score_folders(*folders, 3)
    save(folders[1] / "deep/b_legend.png", np.zeros((9, 9, 3), np.uint8))
    save(folders[1] / "deep/b_confidence.png", np.full_like(TRUTH, 98))
    assert np.array_equal(score_folders(*folders, 3), expected)
    save(folders[0] / "deep/b_legend.png", TRUTH)
    assert "deep/b_legend: prediction: mode RGB" in refusal(folders), "a prediction, where there is an annotation"
    save(folders[1] / "lonely_legend.png", GUESS)
    assert "lonely_legend: a prediction without annotation" in refusal(folders)


def test_every_offender_is_named(folders):
    truth, guess = folders
    for name in ("large", "high", "colour", "shallow", "broken", "cut", "text"):
        save(truth / f"{name}.png", TRUTH)
    save(truth / "missing.png", TRUTH)
    save(truth / "above.png", TRUTH + 100)
    save(guess / "above.png", GUESS)
    save(guess / "deep/extra.png", GUESS)
    save(guess / "large.png", np.zeros((4, 5), np.uint8))
    save(guess / "high.png", GUESS + 1)
    save(guess / "colour.png", np.zeros((2, 3, 3), np.uint8))
    Image.fromarray(GUESS > 0).save(guess / "shallow.png")  # 1 bit
    whole = (guess / "a.png").read_bytes()
    (guess / "broken.png").write_bytes(whole[:45] + b"\0\0" + whole[47:])
    (guess / "cut.png").write_bytes(whole[:50])
    (guess / "text.png").write_text("not a picture")
    message = refusal(folders)
    for line in (
        "11 annotations, 11 predictions",
        "above: annotation: values up to 103, above 3",
        "missing: no prediction",
        "deep/extra: a prediction without annotation",
        "large: prediction is 5 x 4, annotation 3 x 2",
        "high: prediction: values up to 4, above 3",
        "colour: prediction: mode RGB",
        "shallow: prediction: mode 1",
        "broken: prediction: ",
        "cut: prediction: ",
        "text: prediction: not a picture",
    ):
        assert f"\n    {line}" in message or f"got:      {line}" in message, line
    assert not any(f"\n    {name}:" in message for name in ("a", "deep/b")), "the good ones are not blamed"


def test_grayscale_of_four_bits_is_refused(folders):
    """Pillow would stretch its values 0..15 to 0..255."""
    (folders[1] / "a.png").write_bytes(png(3, 2, 4, 0, rows=(b"\x11\x00", b"\x22\x30")))
    assert "a: prediction: mode L with 4 bits" in refusal(folders)


def test_empty_folders_are_refused(tmp_path):
    assert "0 annotations, 0 predictions" in refusal((tmp_path, tmp_path / "nowhere"))


def test_class_table(tmp_path):
    table = tmp_path / "objectInfo150.txt"
    table.write_text("Idx\tName\n1\twall\n2\tbuilding, edifice\n")
    assert read_class_table(table) == ("wall", "building")
    table.write_text("Idx\tName\tLabel\n1\troad, asphalt\troad, asphalt\n2\tx\troad, gravel\n")
    assert read_class_table(table) == ("road, asphalt", "road, gravel")
    with pytest.raises(InputError, match="--classes"):
        read_class_table(tmp_path / "nowhere.txt")
    table.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="class table"):
        read_class_table(table)
