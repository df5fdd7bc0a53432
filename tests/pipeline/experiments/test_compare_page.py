"""Two runs side by side: read through DVC, compared, refused, and drawn in a browser."""

import re
import shutil
import subprocess
import sys
import textwrap

import pytest
from browser import browser_page
from report_inputs import Outline
from report_page import opened

from pipeline.experiments import compare as module
from pipeline.experiments.compare import compare
from pipeline.experiments.compare_page import write_comparison
from pipeline.experiments.experiment_rows import Experiment
from pipeline.repro.project import Project
from sceneparse.core.errors import InputError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc"),  # its own, of a library that it uses
]

DVC_YAML = """
stages:
  evaluate:
    cmd: >-
      python work.py --scores metrics/evaluate.json --per-class metrics/per_class.csv
      --curves metrics/training --report report
    params: [train]
    deps: [work.py]
    outs: [metrics/evaluate.json, metrics/per_class.csv, metrics/training, report]
"""
WORK = """
import json, pathlib
import numpy as np
from PIL import Image
from ruamel.yaml import YAML

share = YAML(typ="safe").load(pathlib.Path("params.yaml"))["train"]["share"]
names = ("pixel_accuracy", "mean_accuracy", "mean_iou", "mean_iou_absent_as_zero", "frequency_weighted_iou")
section = dict.fromkeys([*names, "benchmark_score"], share)
curves = pathlib.Path("metrics/training/plots/metrics/validation")
curves.mkdir(parents=True)
pathlib.Path("metrics/evaluate.json").write_text(json.dumps({"original": section, "resized": section}))
head = "class_id,name,iou,accuracy,labelled_pixels,predicted_pixels"
rows = [head, f"1,<wall>,{share},1.0,5,6", f"2,sky,{1 - share},1.0,5,6", "3,tree,,,0,0"]
pathlib.Path("metrics/per_class.csv").write_text("\\n".join(rows) + "\\n")
(curves / "loss.tsv").write_text(f"step\\tloss\\n1\\t{1 - share}\\n2\\t{share}\\n")
pictures = pathlib.Path("report/pictures")
pictures.mkdir(parents=True)
Image.new("RGB", (40, 30), "red").save(pictures / "a-b-image.png")
for kind, value in (("truth", 1), ("prediction", 1 + round(share))):
    picture = Image.fromarray(np.full((30, 40), value, np.uint8))
    picture.putpalette([0, 0, 0, 200, 0, 0, 0, 0, 200] + [0] * 759)
    picture.save(pictures / f"a-b-{kind}.png")
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A repository with a commit of share 0.25, which was pushed, and 0.75 in the workspace."""
    return make_original(tmp_path_factory.mktemp("runs") / "project")


def make_original(folder, below=""):
    """Make the project at `below` in a Git repository at `folder`; a commit and the workspace have results."""
    top, folder = folder, folder / below
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as monkeypatch:
        environment(monkeypatch, folder)
        (folder / "dvc.yaml").write_text(DVC_YAML)
        (folder / "work.py").write_text(textwrap.dedent(WORK))
        (folder / "params.yaml").write_text("train:\n  share: 0.25\n")
        call(top, "git init -q")
        call(folder, f"dvc init -q {'--subdir' if below else ''}")
        for command in ("dvc repro -q", "git add -A", "git commit -qm first"):
            call(folder, command)
        call(folder, f"dvc remote add -q -d store {folder.parent / 'store'}")  # after the commit
        call(folder, "dvc push -q")
        (folder / "params.yaml").write_text("train:\n  share: 0.75\n")
        call(folder, "dvc repro -q")
    return folder


def environment(monkeypatch, folder):
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@localhost")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(folder.parent / "site-cache"))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")


def call(folder, command):
    program, *arguments = command.split()
    line = [sys.executable, "-m", "dvc", *arguments] if program == "dvc" else [program, *arguments]
    subprocess.run(line, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(original, tmp_path, monkeypatch):
    environment(monkeypatch, tmp_path / "project")
    return Project(shutil.copytree(original, tmp_path / "project", symlinks=True))


def page(project, *names):
    write_comparison(project, names, None)
    text = (project.root / "state/compare.html").read_text()
    return text, Outline(text)


def cells(text, id):
    rows = re.findall(r"<tr.*?</tr>", text[text.index(id) :].split("<tbody>")[1].split("</tbody>")[0], re.DOTALL)
    return [[re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]


def test_a_commit_and_the_workspace(project, capsys):
    text, outline = page(project, "HEAD", "workspace")
    assert capsys.readouterr().out.strip() == str(project.root / "state/compare.html")
    assert cells(text, 'id="scores"')[0] == ["Pixel accuracy", "25.0%", "75.0%", "+50.0"]
    assert cells(text, 'id="class-table"') == [
        ["&lt;wall&gt;", "25.0%", "75.0%", "+50.0", ""],
        ["sky", "75.0%", "25.0%", "-50.0", ""],
        ["tree", "–", "–", "–", ""],
    ]
    assert cells(text, 'id="params"') == [["train.share", "0.25", "0.75"]]
    assert [image["alt"] for image in outline.all("img")] == [
        f"a-b: {caption}" for caption in ("image", "truth", "HEAD", "workspace")
    ]
    assert all(image["src"].startswith("data:") for image in outline.all("img"))
    assert page(project, "HEAD", "workspace")[0] == text, "the same results give the same bytes"
    with browser_page() as first:
        report = first.context.browser, (project.root / "state/compare.html").as_uri()
        for width, scheme in ((390, "dark"), (1400, "light")):
            with opened(report, width, scheme=scheme) as drawn:
                assert drawn.evaluate("document.documentElement.scrollWidth") == width
                assert drawn.locator("[data-chart] .mark-line path").count() == 2
                drawn.get_by_role("button", name=re.compile("^HEAD")).first.hover()
                drawn.wait_for_selector("figure .entry.faded")
                check_zoom(drawn)


def check_zoom(drawn):
    """Each picture enlarges, and keys go on from there."""
    label = "document.querySelector('#zoom [name=picture]:checked').closest('label').textContent"
    image = drawn.locator("#zoom .stage img")
    small = drawn.get_by_role("button", name="Enlarge a-b: truth")
    before = small.bounding_box()["width"]
    small.click()
    assert (drawn.evaluate(label), image.get_attribute("alt")) == ("Truth", "a-b: truth")
    assert drawn.locator("#zoom").evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    assert image.bounding_box()["width"] > 1.5 * before
    assert drawn.locator("#zoom .legend").inner_text() == drawn.locator(".pair .legend").inner_text()
    drawn.keyboard.press("ArrowRight")
    assert (drawn.evaluate(label), image.get_attribute("alt")) == ("HEAD", "a-b: HEAD")
    for _ in range(3):
        drawn.keyboard.press("ArrowLeft")
    assert (drawn.evaluate(label), image.get_attribute("alt")) == ("workspace", "a-b: workspace")
    drawn.keyboard.press("ArrowDown")
    assert drawn.locator("#zoom .place").inner_text() == "1 of 1"
    drawn.keyboard.press("Escape")
    assert not drawn.locator("#zoom").is_visible()
    assert drawn.evaluate("document.activeElement.ariaLabel") == "Enlarge a-b: truth"


def test_an_experiment_that_was_pushed(project):
    """The remote has what the cache lacks."""
    for command in ("dvc exp save -n mine", "dvc push -q"):
        call(project.root, command)
    shutil.rmtree(project.root / ".dvc/cache")
    shutil.rmtree(project.root / "metrics")
    shutil.rmtree(project.root / "report")
    text, outline = page(Project(project.root), "mine", "HEAD")
    assert cells(text, 'id="scores"')[0] == ["Pixel accuracy", "75.0%", "25.0%", "-50.0"]
    assert len(outline.all("img")) == 4


def test_a_project_in_a_folder_of_a_larger_repository(tmp_path, monkeypatch):
    """Outputs come from DVC's cache, or from the remote of today; the revision's config names none."""
    root = make_original(tmp_path / "mono", below="projects/parsing")
    environment(monkeypatch, root)
    call(root, "dvc exp save -n mine")
    call(root, "dvc push -q")
    for place in ("cache", "remote"):
        if place == "remote":
            shutil.rmtree(root / ".dvc/cache")
        text, outline = page(Project(root), "HEAD", "mine")
        assert cells(text, 'id="scores"')[0] == ["Pixel accuracy", "25.0%", "75.0%", "+50.0"], place
        assert cells(text, 'id="params"') == [["train.share", "0.25", "0.75"]], place
        assert len(outline.all("img")) == 4, place


def test_pictures_that_cannot_be_had_are_named(project):
    shutil.rmtree(project.root / "report/pictures")
    text, outline = page(project, "HEAD", "workspace")
    assert "There are no pictures of workspace" in text
    assert not outline.all("img")


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("HEAD", "HEAD"), "a run is compared with itself"),
        (("nowhere", "workspace"), "there is no such run"),
    ],
)
def test_runs_that_cannot_be_compared(project, names, problem):
    with pytest.raises(InputError) as refusal:
        page(project, *names)
    assert refusal.value.problem == problem
    assert not (project.root / "state").exists()


def test_a_page_that_is_not_asked_for(project, monkeypatch):
    monkeypatch.chdir(project.root)
    with pytest.raises(InputError) as refusal:
        compare("mean_iou", every_commit=False, as_json=False, html=None, output=project.root / "page.html")
    assert refusal.value.problem == "--output names a page, and no page is asked for"


@pytest.mark.parametrize(
    ("names", "problem"),
    [(["HEAD"], "a page compares two runs"), ([], "there is no experiment to compare the workspace with")],
)
def test_too_few_runs_for_a_page(project, monkeypatch, names, problem):
    monkeypatch.chdir(project.root)
    workspace = Experiment("workspace", "abc", True, {}, {"original.mean_iou": 0.9}, None)
    monkeypatch.setattr(module, "list_experiments", lambda *_, **__: (workspace, []))
    with pytest.raises(InputError) as refusal:
        compare("mean_iou", every_commit=False, as_json=False, html=names, output=None)
    assert refusal.value.problem == problem


def test_without_names_the_page_is_of_the_workspace_and_the_best_experiment(project, monkeypatch):
    monkeypatch.chdir(project.root)
    workspace, *others = (
        Experiment(name, "abc", True, {}, {"original.mean_iou": score}, None)
        for name, score in (("workspace", 0.9), ("worse", 0.1), ("better", 0.2))
    )
    pages = []
    monkeypatch.setattr(module, "list_experiments", lambda *_, **__: (workspace, others))
    monkeypatch.setattr(module, "_write_page", lambda *arguments: pages.append(arguments[1:]))
    compare("mean_iou", every_commit=False, as_json=False, html=[], output=None)
    assert pages == [(["workspace", "better"], None)]


def test_a_revision_without_metrics(project):
    shutil.rmtree(project.root / ".dvc/cache")
    call(project.root, "git checkout .dvc/config")  # without the remote
    with pytest.raises(InputError) as refusal:
        page(project, "HEAD", "workspace")
    assert refusal.value.problem == "HEAD has no metrics"
    assert "metrics/evaluate.json" in refusal.value.expected


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n cut off"])
def test_a_damaged_picture_is_named(project, content):
    picture = project.root / "report/pictures/a-b-prediction.png"
    picture.unlink()  # a link to DVC's cache, or a copy
    picture.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        page(project, "HEAD", "workspace")
    assert refusal.value.problem == "a picture of the report cannot be read"
    assert refusal.value.file.endswith("a-b-prediction.png")


def test_an_output_of_the_pipeline_is_no_place_for_it(project):
    with pytest.raises(InputError) as refusal:
        write_comparison(project, ("HEAD", "workspace"), project.root / "report/compare.html")
    assert refusal.value.problem == "the page would be inside an output of the pipeline"


@pytest.mark.parametrize(
    ("before", "after", "why", "second"),
    [
        ("3,tree,,,0,0", "3,tree,,,7,0", "validation images differ", ["sky", "75.0%", "25.0%"]),
        ("3,tree", "3,bush", "other classes", ["bush", "–", "–"]),
    ],
)
def test_runs_of_other_datasets_have_no_differences(project, before, after, why, second):
    """A scene of the same name may be another picture, so none is shown."""
    table = project.root / "metrics/per_class.csv"
    content = table.read_text()
    table.unlink()  # a link to DVC's cache
    table.write_text(content.replace(before, after))
    text, outline = page(project, "HEAD", "workspace")
    note = text.index('class="note"')
    assert text.index("<main>") < note < text.index(why) < text.index("<h2>Scores")
    assert cells(text, 'id="scores"')[0] == ["Pixel accuracy", "25.0%", "75.0%"]
    assert cells(text, 'id="class-table"')[:2] == [["&lt;wall&gt;", "25.0%", "75.0%"], second]
    assert not outline.all("img")
    assert "difference<" not in text
