"""Class tables like ADE20K's: names, colours, and all that is wrong with one."""

import pytest

from sceneparse.core.errors import InputError
from sceneparse.dataset.class_table import class_colours, parse_class_table, scan_class_table
from sceneparse.dataset.labels import MAX_CLASSES


def table(*rows):
    return "\n".join(["Idx\tRatio\tTrain\tVal\tName", *rows]).encode()


def test_a_class_is_called_by_its_first_name():
    """Blanks after numbers and names, and synonyms, are ADE20K's own; Windows adds a mark and its ends of lines."""
    content = table("1\t0.1576\t11664\t1172\twall", "2 \t0.1072\t6046\t612 \tbed ", "3\t\t\t\tcar, auto, automobile")
    for form in (content, b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n") + b"\r\n"):
        assert parse_class_table(form, "table") == ("wall", "bed", "car")
        assert class_colours(form) == ()


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("Idx\tName\tLabel\n1\ta, b\ta, b\n2\tcar, auto\t \n3\tx\t road, gravel\n", ("a, b", "car", "road, gravel")),
        ("Name\tIdx\nB\u00e4ume\t1\n", ("B\u00e4ume",)),
    ],
    ids=["a label keeps its commas", "only numbers and names are needed"],
)
def test_columns(content, names):
    assert parse_class_table(content.encode(), "table") == names


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no column Idx and Name"),
        (b"Number\tName\n1\tsky\n", "no column Idx; the first line has 'Number', 'Name'"),
        (b"Idx,Name\n1,sky\n", "no column Idx and Name; the first line has 'Idx,Name'"),
        (b"Idx\tName\n1\t\xff\xfe\n", "not UTF-8"),
        (b"Idx\tName\n1\t" + b"x" * 200_000, "not tab-separated text"),  # beyond the csv module's limit
        (table(), "0 classes"),
        (table("2\t0\t0\t0\troad"), "numbers left out: 1"),
        (table("0\t0\t0\t0\tother", "1\t0\t0\t0\troad"), "numbers outside 1..N: 0"),
        (table("1\t0\t0\t0\tsky", "1\t0\t0\t0\troad"), "numbers that occur twice: 1"),
        (table("2\t0\t0\t0\tsky", "1\t0\t0\t0\troad"), "rows not in the order 1..N: 2, 1"),
        (table("one\t0\t0\t0\tsky"), "row 2: Idx is 'one'"),
        (table("1\t0\t0\t0\t "), "row 2: no name"),
        (table("1\t0\t0"), "row 2: no name"),
        (table(*(f"{number}\t0\t0\t0\tclass" for number in range(1, MAX_CLASSES + 2))), "255 classes"),
        (b"Idx\tName\tColour\n1\tsky\tbluish\n", "row 2: the colour 'bluish' is not written as #rrggbb"),
    ],
)
def test_other_tables_are_refused(content, problem):
    assert any(text.startswith(problem) for text in scan_class_table(content)[1])
    with pytest.raises(InputError) as refused:
        parse_class_table(content, "dataset.zip:table")
    assert refused.value.file == "dataset.zip:table"


def test_as_many_classes_as_labels_can_hold():
    rows = (f"{number}\t0\t0\t0\tclass {number}" for number in range(1, MAX_CLASSES + 1))
    assert len(parse_class_table(table(*rows), "table")) == MAX_CLASSES
