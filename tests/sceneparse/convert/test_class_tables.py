"""Class tables: many ways to write one, what is wrong with one, and those that the documentation shows."""

import re
import shlex

import pytest
from mask_folders import write

from pipeline.cli.main import make_parser
from sceneparse.convert.mask_legend import read_legend
from sceneparse.core.errors import InputError


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.csv", b"", "columns"),
        ("t.csv", b"name\nsky\n", "columns name"),
        ("t.csv", b"name,value\n", "no rows, and so no columns"),
        ("t.csv", b"klass,value\nsoil,0\nleaf,255\n", "columns klass, value"),
        ("t.csv", b"soil,0\nleaf,255\n", "no header line: the first one has 0, soil"),
        ("t.csv", b"0 0 0,ignored\n1,2,3,sky\n", "no header line: the first one has 0 0 0, ignored"),  # uneven rows
        ("t.csv", b"name,value,colour\nsky,1,#000000\n", "both values and colours"),
        ("t.csv", b"name,value\nsky,1\nroad,1\n", "row 3: another class has the same value"),
        (
            "t.csv",
            b"name,value\n,1\nroad,x\nsky,70000\n",
            "row 2: no name\n    row 3: expected a value, got 'x'\n    row 4: expected a value of 0..65535, got 70000",
        ),
        ("t.csv", b"name,colour\nsky,#12\n", "row 2: expected a colour"),
        ("t.csv", b"name,r,g,b\nsky,1,2,256\n", "row 2: expected colours of 0..255"),
        ("t.csv", b"name,r,g,b\nsky,1,2,\n", "numbers, got ('1', '2', '')"),
        ("t.csv", b"name,r,g,b\nsky,,,\n", "row 2: expected a colour"),
        ("t.csv", b"name,value\nignored,1\n", "0 classes"),
        ("t.csv", b"name,value\n" + b"".join(b"c%d,%d\n" % (n, n) for n in range(255)), "255 classes"),
        ("t.csv", "name,value\nsky,0\n".encode("utf-16-le"), "UTF-16 without its mark"),
        ("t.csv", b"name,value\n\x81,0\n", "charmap"),
        ("t.json", b"{", "Expecting"),
        ("t.json", b"3", "int"),
        ("t.json", b'[{"name": "a", "value": 1.5}]', "object 1: expected a value, got 1.5"),
        ("t.json", b'{"sky": null}', "entry 'sky': expected a value, got None"),
        ("t.json", b'{"sky": [0, 0, 999]}', "expected colours of 0..255"),
        ("t.json", b"[[1, 2]]", "sequence"),
        ("t.json", b'[{"name": 7, "id": 1}]', "object 1: no name"),
        ("t.json", b"[" * 100_000, "recursion"),
        ("labelmap.txt", b"sky:::\n", "expected a colour, #rrggbb or three numbers, got ''"),
    ],
)
def test_class_tables_that_cannot_be_used(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        read_legend(path, None, None)
    assert (refusal.value.problem, refusal.value.file) == ("the class table cannot be used", str(path))
    assert expected in refusal.value.got


@pytest.mark.parametrize(
    ("content", "step"),
    [
        (None, "give --classes a file"),
        (b"name\nsky\n", "fix the file"),
        (b"name,value\nsky,1\nroad,1\n", "fix the rows named"),
        (b"name,value,colour\nsky,1,#000000\n", "say --masks-by"),
    ],
    ids=["no file", "no column", "a row", "two meanings"],
)
def test_the_next_step_fits_the_fault(tmp_path, content, step):
    path = tmp_path / "t.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        read_legend(path, None, None)
    assert refusal.value.next_step.startswith(step)
    assert ("row" in refusal.value.got) == ("row" in step)


def test_a_table_with_both_is_read_as_told(tmp_path):
    path = write(tmp_path / "t.csv", "name,id,color\nsky,5,#804000\nignored,6,#000000\n")
    assert read_legend(path, "value", None).codes == ((5, 1), (6, 0), (255, 0))
    assert read_legend(path, "colour", None).codes == ((0x804000, 1), (0, 0))


def documented(root, page="own-data"):
    """The blocks of a page of the documentation, with their languages."""
    return re.findall(r"^```(\w*)\n(.*?)^```", (root / f"docs/{page}.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("page", "count"), [("own-data", 6), ("annotation-tools", 12)])
def test_commands_of_the_documentation_are_valid(root, page, count):
    shell = "\n".join(text for language, text in documented(root, page) if language == "sh").replace("\\\n", " ")
    commands = [line for line in shell.splitlines() if line.startswith("sceneparse ")]
    assert len(commands) == count
    for line in commands:
        make_parser().parse_args(shlex.split(line, comments=True)[1:])


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
