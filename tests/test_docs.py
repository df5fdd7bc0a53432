"""The documentation's site, built as `make docs` does: strictly, and of the code as it is."""

import argparse
import functools
import html
import importlib
import operator
import os
import re
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from browser import browser_page
from ruamel.yaml import YAML

from pipeline.cli.arguments import STATUSES
from pipeline.cli.main import make_parser
from sceneparse.params.presets import preset_names, preset_params
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


def test_files_of_code_that_pages_name_exist(root):
    pages, files = [*root.glob("*.md"), *(root / "docs").glob("*.md")], set()
    for page in pages:
        names = re.findall(
            r"`((?:benchmarks|docs|pipeline|sceneparse|stages|tests)/[\w/]+\.(?:py|sh))`", page.read_text()
        )
        missing = [name for name in names if "NAME" not in name and not (root / name).exists()]
        assert not missing, f"{page.name}: {missing}"
        files.update(names)
    assert len(files) > 20


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
    """The folder of the site. A warning, as of a link that leads nowhere, fails the build, unless it is --quiet."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, re.findall(r"^(?!INFO ).+", done.stderr, re.MULTILINE)) == (0, [])
    return folder


def test_make_docs_fails_on_warnings(root):
    """With --quiet mkdocs counts none, and --strict has no effect."""
    assert "mkdocs build --strict &&" in (root / "Makefile").read_text()


def keys(model, above=""):
    """Dotted name and pydantic's field of each key."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if hasattr(kind, "model_fields"):
            yield from keys(kind, f"{above}{name}.")
        else:
            yield f"{above}{name}", field


def plain(markup):
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def blocks(site):
    """The page, and of each key by its anchor: heading, meaning, and values by label."""
    text = (site / "params.html").read_text()
    block = r'<h3 id="([\w.]+)"><code>(.*?)</code>.*?</h3>\s*<p>(.*?)</p>\s*<dl class="labels">(.*?)</dl>'
    found = {}
    for anchor, heading, meaning, labels in re.findall(block, text, re.DOTALL):
        pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", labels)
        found[anchor] = (heading, plain(meaning), {label: plain(value) for label, value in pairs})
    return text, found


@pytest.mark.slow
def test_every_key_is_there_with_its_values(site):
    _, found = blocks(site)
    fields = dict(keys(Params))
    assert list(found) == list(fields)
    yaml = YAML(typ="safe", pure=True)
    presets = {name: preset_params(name).model_dump() for name in preset_names()}
    assert found["train.augment.crop"][2]["values"] == "multiple of 32 from 32 to 4096 or null"
    assert found["model.pooling"][2]["values"] == "max, average"
    assert found["model.dropout"][2]["values"] == "number from 0 below 1"
    for name, (heading, meaning, labels) in found.items():
        assert (heading, meaning) == (name, fields[name].description.replace("`", ""))
        assert labels.pop("values"), name
        values = {
            preset: functools.reduce(operator.getitem, name.split("."), params) for preset, params in presets.items()
        }
        default = values.pop("demo")
        expected = {"default": default} | {preset: value for preset, value in values.items() if value != default}
        shown = {label: yaml.load(value) for label, value in labels.items()}
        assert repr(shown) == repr(expected), name  # 0 is not false


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
    text, _ = blocks(site)
    _, _, after = text.partition(f'<h2 id="{section}">')
    assert said in plain(after.partition("<h3 ")[0])


@pytest.mark.slow
def test_every_command_is_there_with_its_help(site, monkeypatch):
    monkeypatch.setenv("COLUMNS", "10000")  # argparse breaks no word
    text = (site / "commands.html").read_text().replace("</dt>", " ")
    assert "sceneparse predict street.jpg" in plain(text)
    sections = {name: plain(section) for name, section in re.findall(r'<h2 id="(\w+)">(.*?)(?=<h2)', text, re.DOTALL)}
    (commands,) = (each.choices for each in make_parser()._actions if isinstance(each, argparse._SubParsersAction))
    assert list(sections) == list(commands)
    for name, command in commands.items():
        terminal, page = (
            set(re.findall(r"[\w-]+", help)) for help in (command.format_help().partition(STATUSES)[0], sections[name])
        )
        assert terminal - page <= {"usage", "positional", "arguments", "options", "examples"}, name


@pytest.mark.slow
def test_a_command_s_help_is_not_cut(site):
    """No line of it scrolls sideways on a desktop's screen."""
    with browser_page(1400, 1000) as page:
        page.goto((site / "commands.html").as_uri())
        widths = page.locator("pre > code").evaluate_all(
            "boxes => boxes.map(box => [box.scrollWidth, box.clientWidth])"
        )
    assert len(widths) > 30
    assert [(needed, given) for needed, given in widths if needed > given] == []


@pytest.mark.slow
def test_search_finds_a_key(site):
    """Over HTTP: Material searches in no page that is opened from disk."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, browser_page() as page:
        threading.Thread(target=server.serve_forever).start()
        try:
            page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
            page.get_by_role("textbox", name="Search").press_sequentially("first_crop")
            results = page.locator("a[href*='params.html']", has_text="train.augment.first_crop")
            results.first.click()
            page.wait_for_url("**/params.html*#train.augment.first_crop")
        finally:
            server.shutdown()


@pytest.mark.slow
def test_pages_ask_nothing_of_the_network(site):
    """Fonts and scripts are the site's own; and no page is wider than a phone."""
    asked = []
    with browser_page(390, 844) as page:
        page.on("request", lambda request: asked.append(request.url))
        for name in ("index.html", "params.html", "commands.html", "own-data.html", "CONTRIBUTING.html", "api.html"):
            page.goto((site / name).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            page.wait_for_selector("h1")
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
