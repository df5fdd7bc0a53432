"""The documentation's site, built as `make docs` does: strictly, and of the code as it is."""

import functools
import html
import importlib
import operator
import os
import re
import subprocess
import sys

import pytest
from browser import browser_page
from ruamel.yaml import YAML

from sceneparse.params.presets import preset_params
from sceneparse.params.whole import Params


def anchors(text):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_to_files(root):
    """On a plain view of the files, as GitHub's: a page that only the site has is nothing there."""
    pages, links = [root / "README.md", *sorted((root / "docs").glob("*.md"))], 0
    for page in pages:
        text = page.read_text()
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            links += 1
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            assert file.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(file.read_text()), f"{page.name}: {target}"
    assert links > 30


def test_the_api_page_names_what_exists(root):
    """mkdocs ignores members that a module does not have."""
    text = (root / "docs/api.md").read_text()
    blocks = re.findall(r"^::: (\S+)$(?:\n    options:\n      members: \[(.*?)\]$)?", text, re.MULTILINE)
    assert len(blocks) == text.count(":::")
    for module, members in blocks:
        for name in filter(None, members.split(", ")):
            assert hasattr(importlib.import_module(module), name), f"{module}.{name}"


@pytest.fixture(scope="module")
def site(root, tmp_path_factory):
    """The folder of the site. A warning, as of a link that leads nowhere, fails the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def keys(model, above=""):
    for name, field in model.model_fields.items():
        kind = field.annotation
        if hasattr(kind, "model_fields"):
            yield from keys(kind, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def rows(site):
    """The cells of each key's row, by section and key as they are in params.yaml."""
    text = (site / "params.html").read_text()
    found = {}
    for section, table in re.findall(r'<h2 id="(\w+)">.*?<tbody>(.*?)</tbody>', text, re.DOTALL):
        for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL):
            cells = [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)]
            found[f"{section}.{cells[0]}"] = cells
    return text, found


@pytest.mark.slow
def test_every_key_is_there_with_its_values(site):
    _, found = rows(site)
    assert list(found) == list(keys(Params))
    yaml = YAML(typ="safe", pure=True)
    defaults, *presets = (preset_params(name).model_dump() for name in ("demo", "imagenet", "scratch", "ade20k"))
    for name, cells in found.items():
        assert all(cells[:4]), name
        default, *values = (
            functools.reduce(operator.getitem, name.split("."), params) for params in (defaults, *presets)
        )
        expected = [default, *(None if value == default else value for value in values)]  # an empty cell keeps it
        shown = [yaml.load(html.unescape(cell)) for cell in cells[3:]]
        assert repr(shown) == repr(expected), name  # 0 is not false
    assert found["train.augment.crop"][2] == "multiple of 32 from 32 to 4096 or null"
    assert found["model.pooling"][2] == "max, average"
    assert found["model.dropout"][2] == "number from 0 below 1"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("download", "Read by stage download; reruns prepare, train, evaluate, visualize too."),
        ("weights", "Read by stage weights; reruns train, evaluate, visualize too."),
        ("evaluate", "Read by stage evaluate; reruns visualize too."),
        ("visualize", "Read by stage visualize."),
    ],
)
def test_what_a_section_reruns(site, section, said):
    text, _ = rows(site)
    _, _, after = text.partition(f'<h2 id="{section}">')
    assert said in re.sub(r"<[^>]*>", "", after.partition("<table>")[0])


@pytest.mark.slow
def test_every_command_is_there(site):
    text = (site / "commands.html").read_text()
    assert "sceneparse predict street.jpg" in text
    assert set(re.findall(r'<h2 id="(\w+)">', text)) >= {"run", "sweep", "predict", "score", "completion"}


@pytest.mark.slow
def test_pages_ask_nothing_of_the_network(site):
    """Fonts and scripts are the site's own; and no page is wider than a phone."""
    asked = []
    with browser_page(390, 844) as page:
        page.on("request", lambda request: asked.append(request.url))
        for name in ("index.html", "params.html", "api.html"):
            page.goto((site / name).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            page.wait_for_selector("h1")
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
