"""Hostile names of classes and files: they stay data on pages, in tables, on terminals and in paths."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from browser import browser_page
from cards import make_card
from command import ENVIRONMENT, sceneparse
from datasets import encoded
from mirror import Mirror
from PIL import Image
from report_inputs import SceneParser, stage_inputs

from pipeline.flow.artifacts import lineage
from sceneparse.core.errors import InputError
from sceneparse.core.files import csv_cell, csv_text
from sceneparse.core.tables import print_json, print_line, print_table
from sceneparse.dataset.class_table import LONGEST_NAME, scan_class_table
from sceneparse.predict.legend import draw_legend
from sceneparse.report.measured import ClassRow, ImageRow, read_rows
from sceneparse.scores.metrics import write_table, write_tables
from stages.visualize.stage import visualize

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "''", "=HYPERLINK(\"x\";'y')")
SCRIPT = "</script><script>document.title='run'</script>"
MARKUP = ("<svg onload=document.title='run'>", 'x"><img src=x onerror="document.title=\'run\'">', "css:red")
ESCAPES = ("\x1b[31m", "\x9b31m", "\x7f", "\u202e", "\u2066", "\r", "\x00", "\udcff")


def clean_output(done):
    """Check that a program printed no control characters, and return its output."""
    said = done.stdout + done.stderr
    assert not [character for character in said if not character.isprintable() and character not in "\n\r"], said
    return said


# --- tables that spreadsheets open


@pytest.mark.parametrize("name", [*FORMULAS, *MARKUP, SCRIPT, "wall", "a,b", "", "NA", "l'eau"])
def test_a_cell_is_text_and_comes_back(name):
    assert csv_cell(name)[:1] not in ("=", "+", "-", "@")
    assert csv_text(csv_cell(name)) == name


def test_numbers_stay_numbers():
    assert csv_cell(-1.5) == -1.5
    assert csv_cell(None) is None


def test_tables_of_evaluate_hold_no_formulas(tmp_path):
    """No cell is a formula, and the report reads every name back."""
    tables = [tmp_path / name for name in ("per_class.csv", "confusion.csv", "per_image.csv")]
    classes = len(FORMULAS)
    write_tables(np.ones((classes, classes + 1), np.int64), FORMULAS, *tables[:2])
    write_table(tables[2], pd.DataFrame({"id": FORMULAS, "pixel_accuracy": 0.5, "mean_iou": None}))
    cells = {cell for path in tables for row in csv.reader(io.StringIO(path.read_text(), newline="")) for cell in row}
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert tuple(row.name for row in read_rows(tables[0], ClassRow)) == FORMULAS
    assert tuple(row.id for row in read_rows(tables[2], ImageRow)) == FORMULAS


# --- pages


@pytest.mark.slow
def test_the_report_shows_names_as_they_are(tmp_path, root, monkeypatch):
    """In a browser, names are text, in charts and tips too; ids longer than file names get files all the same."""
    ids = ("=1+1", MARKUP[1].replace("/", ""), "x" * 250, "large", "nothing")
    monkeypatch.setattr(SceneParser, "classes", MARKUP)
    card = SceneParser.card
    monkeypatch.setattr(SceneParser, "card", make_card(classes=MARKUP, palette=list(card.palette)))
    inputs = stage_inputs(tmp_path, root, monkeypatch, ids)
    visualize(**inputs)
    names = {path.name for path in (inputs["report"] / "pictures").iterdir()}
    assert len(names) == 4 * 4
    assert {name[:201] for name in names if name.startswith("xx")} == {"x" * 200 + "~"}
    with browser_page() as page:
        page.goto((inputs["report"] / "index.html").as_uri())
        page.wait_for_selector("[data-drawn]")
        assert page.title() == "Scene parsing report", "no script in a name has run"
        assert sorted(page.locator("#class-table tbody th").all_inner_texts()) == sorted(MARKUP)
        assert page.locator("[data-chart=heat]").text_content().count("css:red") == 2, "on both axes, not as a colour"
        assert page.locator("h4").all_inner_texts().count("x" * 250) == 1


# --- terminals


@pytest.mark.parametrize("text", ESCAPES)
def test_printed_names_have_no_control_characters(capsys, text):
    name = f"a{text}b"
    print_line(name)
    print_table(["name"], [[name]])
    print_json({name: name})
    said = capsys.readouterr().out
    assert text not in said
    assert json.loads(said[said.index("{") :]) == {name: name}
    error = InputError("a problem", expected=name, got=f"one\n{name}", file=name, next_step="go")
    assert text not in str(error)


def test_a_name_cannot_forge_a_message():
    error = InputError("a problem", expected="x", got="y", file="a\nerror: forged\n  next:     rm -r", next_step="go")
    assert [line[:4] for line in str(error).splitlines()] == ["a pr", "  ex", "  go", "  fi", "    ", "    ", "  ne"]


@pytest.mark.parametrize("text", [*ESCAPES[:-1], "\n", "\u2028", "x" * LONGEST_NAME, SCRIPT, "<!--"])
def test_a_class_table_refuses_unsafe_names(text):
    content = io.StringIO()
    csv.writer(content, delimiter="\t", lineterminator="\n").writerows([("Idx", "Name"), (1, f"a{text}b"), (2, "sky")])
    _, problems = scan_class_table(content.getvalue().encode())
    assert problems
    assert "row 2" in problems[0] or text == "\r", "the csv module itself refuses it"
    assert text.isprintable() or text not in problems[0], "the message escapes it"


def test_a_class_table_accepts_any_text():
    names = ("straße", "道路", "می‌خواهم", "l'eau", "=1", "a/b", "../x", "<b>", "C++")
    content = "Idx\tName\n" + "".join(f"{number}\t{name}\n" for number, name in enumerate(names, 1))
    assert scan_class_table(content.encode()) == (names, [])


def test_a_legend_of_any_name():
    shares = tuple((number, f"a{text}b", 0.1) for number, text in enumerate([*ESCAPES, "\n"]))
    assert draw_legend(shares, np.zeros((20, 3), np.uint8)).height > 100


@pytest.fixture
def pair_folders(tmp_path):
    """Make folders of pictures and masks with odd names."""
    picture = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)), "PNG")
    mask = encoded(Image.fromarray(np.random.default_rng(0).integers(1, 3, (20, 30), np.uint8)), "PNG")
    for kind, content in (("pictures", picture), ("masks", mask)):
        (tmp_path / kind).mkdir()
        for name in ("=1+1", "-x", "a\nb", "red\x1b[31m", "txt\u202egnp", "a[1]", "<b>"):
            (tmp_path / kind / f"{name}.png").write_bytes(content)
    (tmp_path / "classes.csv").write_text("name,value\n=road,1\nsky,2\n")
    return tmp_path


CONVERT = ("convert", "pictures", "masks", "--classes", "classes.csv", "--share", "0.5", "--out")


@pytest.mark.slow
def test_odd_files_become_a_dataset(pair_folders):
    done = sceneparse(*CONVERT, "out put: 1.zip", cwd=pair_folders)
    assert done.returncode == 0, done.stderr
    said = clean_output(done)
    assert "  =road " in said
    assert 'source: "out put: 1.zip"' in said, "YAML"
    clean_output(sceneparse("score", "pictures", "masks", "--classes", "x", cwd=pair_folders))


def test_a_file_name_that_is_no_text(pair_folders, root):
    """A zip cannot hold such a name: convert, check and download name the file."""
    for kind in ("pictures", "masks"):
        (pair_folders / kind / "a[1].png").rename(pair_folders / kind / "\udcff.png")
    said = clean_output(sceneparse(*CONVERT, "out.zip", cwd=pair_folders))
    assert "not valid UTF-8" in said
    assert "\\udcff.png" in said
    assert not (pair_folders / "out.zip").exists()

    for kind, source in (("images", "pictures"), ("annotations", "masks")):
        for split in ("training", "validation"):
            (pair_folders / "set" / kind).mkdir(parents=True, exist_ok=True)
            (pair_folders / "set" / kind / split).symlink_to(pair_folders / source)
    (pair_folders / "set/objectInfo150.txt").write_text("Idx\tName\n1\troad\n2\tsky\n")
    checked = sceneparse("check", "set", cwd=pair_folders)
    assert checked.returncode == 1
    assert "names that are not valid UTF-8 (2)" in clean_output(checked)
    text = (root / "params.yaml").read_text()
    (pair_folders / "params.yaml").write_text(re.sub(r"source: sources/demo.yaml .*", "source: set", text))
    words = [sys.executable, "-m", "stages.download", "--cache", "cache", "--dataset", "d.zip"]
    done = subprocess.run(words, cwd=pair_folders, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "\\udcff.png" in clean_output(done)


# --- Markdown


@pytest.fixture
def mirror(tmp_path):
    return Mirror(tmp_path / "project")


def test_lineage_is_a_table_whatever_files_and_params_hold(mirror):
    """Names with spaces, bars and markup stay in one cell; a fence inside the params does not end the block."""
    (mirror.path / "a | <b>`x`.txt").write_text("1")
    mirror.run("git", "add", "--all")
    mirror.run("git", "commit", "--quiet", "-m", "more")
    (mirror.path / "a | <b>`x`.txt").write_text("2")
    with (mirror.path / "params.yaml").open("a") as params:
        params.write("# ```\n# <script>\n")
    table, _, rest = lineage(mirror.path).partition("\n\n")
    (row,) = (line for line in table.splitlines() if line.startswith("| workspace"))
    assert row == r"| workspace | dirty: a \| \<b\>\`x\`.txt, params.yaml |"
    assert rest.startswith("````yaml\n")
    assert rest.rstrip().endswith("\n````")


def test_lineage_takes_names_that_are_no_unicode(mirror):
    name = os.fsdecode(b"caf\xe9.txt")
    (mirror.path / name).write_text("1")
    mirror.run("git", "add", "--all")
    mirror.run("git", "commit", "--quiet", "-m", "more")
    (mirror.path / name).write_text("2")
    assert r"dirty: caf\\udce9.txt" in lineage(mirror.path)
