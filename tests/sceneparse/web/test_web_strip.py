"""Several pictures on the page of `sceneparse web`: the strip, refusals, an ended server, the bound on memory, CSV."""

import re
import socket
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
from datasets import encoded
from playwright.sync_api import expect
from small_model import save_small_model
from web_page import (
    MAX_MB,
    NAMES,
    PHOTO,
    WAIT_MS,
    WAIT_S,
    answered,
    began,
    choose,
    give,
    saved,
    settled,
    sketch,
    table,
)

from sceneparse.core.files import csv_cell
from sceneparse.dataset.photos import decode_photo
from sceneparse.inference.loading import load_parser
from sceneparse.web.answer import Segmenter
from sceneparse.web.app import make_app
from sceneparse.web.connections import make_server
from stages.download.painting.kinds import Kind

pytestmark = pytest.mark.slow

SECOND = encoded(sketch().rotate(90, expand=True), "PNG")


def file(name, content=PHOTO):
    return {"name": name, "mimeType": "image/x", "buffer": content}


def rows(parser, name, content):
    """Lines of the CSV about a picture."""
    annotation = parser.annotate(decode_photo(content))
    counts = np.bincount(annotation.ravel(), minlength=1 + len(NAMES)).tolist()
    found = sorted((value for value in range(len(counts)) if counts[value]), key=lambda value: -counts[value])
    size = annotation.size
    return [[name, NAMES[value - 1], f"{counts[value] / size:.6f}", str(counts[value])] for value in found]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture", "the picture cannot be read: not a picture, or cut off in its header; open it"),
        (bytes(MAX_MB * 10**6 + 1), "the file is larger than 1 MB"),
    ],
    ids=["no picture", "bytes"],
)
def test_a_picture_that_is_refused(fresh, content, message):
    """The page names the fault, in the strip and in place of the picture, and takes the next one."""
    choose(fresh, file("bad.jpg", content))
    reason = re.compile("^" + re.escape(message))
    expect(fresh.locator("#reason")).to_have_text(reason, timeout=WAIT_MS)
    assert fresh.locator("#refused-name").inner_text() == "bad.jpg"
    assert fresh.locator("#refused-again").is_hidden(), "it would be refused again"
    assert fresh.locator(".tile").get_attribute("title").startswith(f"bad.jpg: {message}")
    assert fresh.locator("#side").evaluate("side => side.inert")

    give(fresh)
    settled(fresh, "refused", "done")
    assert fresh.locator("#refused").is_hidden()
    fresh.locator(".tile").nth(0).click()
    expect(fresh.locator("#reason")).to_be_visible()
    fresh.locator("#refused-remove").click()
    answered(fresh, "my photo.jpg")
    settled(fresh, "done")


def test_several_and_a_bad_one(fresh, parser):
    """Each is labelled and has its downloads; the last of them all can be removed."""
    files = {"first.jpg": PHOTO, "<img src=x>.jpg": b"no picture", "=second.png": SECOND}
    choose(fresh, *(file(name, content) for name, content in files.items()))
    settled(fresh, "done", "refused", "done")
    tiles = fresh.locator(".tile")
    assert tiles.locator("b").all_text_contents() == list(files), "text, not HTML"
    assert fresh.locator("#count").inner_text() == "3 pictures: 2 done, 1 refused"
    for place, name in ((0, "first.jpg"), (2, "=second.png"), (0, "first.jpg")):
        tiles.nth(place).click()
        answered(fresh, name)
        picture = decode_photo(files[name])
        labels = saved(fresh, "Save labels")
        assert labels[0].endswith(f"{name[1:-4]}_labels.png")
        assert np.array_equal(labels[2], parser.annotate(picture))
        assert saved(fresh, "Save overlay")[2].shape[:2] == picture.shape[:2]
        assert fresh.locator("[aria-current=true] b").inner_text() == name

    first, second = rows(parser, "first.jpg", PHOTO), rows(parser, csv_cell("=second.png"), SECOND)
    head = ["file", "class", "share", "pixels"]
    assert table(fresh, "Save shares") == ("first_shares.csv", [head, *first])
    assert table(fresh, "Save all shares") == ("shares.csv", [head, *first, *second])
    assert second[0][0] == "'=second.png", "no formula"

    for left in (2, 1, 0):
        fresh.locator("[aria-current=true] + .remove").click()
        expect(tiles).to_have_count(left)
    assert fresh.locator("#choose").evaluate("button => button === document.activeElement")


def test_the_strip_by_keys(fresh):
    """One stop for Tab; arrows, Home and End move along, Delete removes."""
    choose(fresh, file("a.jpg"), file("b.jpg"), file("c.jpg"))
    settled(fresh, "done", "done", "done")
    fresh.locator("#another").focus()
    here = fresh.locator(".tile:focus b")
    for key, name in (("Tab", "a"), ("ArrowRight", "b"), ("End", "c"), ("ArrowRight", "c"), ("Home", "a")):
        fresh.keyboard.press(key)
        expect(here).to_have_text(f"{name}.jpg")
        answered(fresh, f"{name}.jpg")
    fresh.keyboard.press("Delete")
    expect(here).to_have_text("b.jpg")
    settled(fresh, "done", "done")
    fresh.keyboard.press("Tab")
    fresh.keyboard.press("Enter")
    expect(here).to_have_text("c.jpg")
    fresh.keyboard.press("Tab")
    fresh.keyboard.press("Tab")
    assert fresh.locator("#view").evaluate("view => view === document.activeElement"), "the strip is behind us"


@contextmanager
def served(parser, port=0):
    """A server in a thread of this process, on a port that stays the same: its address."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        server = make_server(make_app(Segmenter(parser, "small", 1), MAX_MB, set()))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join(WAIT_S)


def test_an_ended_server(parser, desktop):
    """Pictures stop, and go on where they were once the server is back; a removed one does not."""
    page = desktop.context.browser.new_page()
    with served(parser) as url:
        page.goto(url)
        began(page)
        give(page, PHOTO, "before.jpg")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    choose(page, file("one.jpg"), file("two.jpg"), file("three.jpg", b"no picture"))
    settled(page, "done", "refused", "refused", "refused")
    expect(page.locator("#error")).to_contain_text("3 pictures: the server does not answer")
    assert page.locator("#count").inner_text() == "4 pictures: 1 done, 3 stopped"
    assert len([url for url in asked if "segment" in url]) == 1, "one that fails is enough"
    page.locator("[aria-current=true] + .remove").click()
    with served(parser, urlsplit(url).port):
        page.locator("#again").click()
        settled(page, "done", "done", "refused")
        assert page.locator("#error").is_hidden()
        assert page.locator("#count").inner_text() == "3 pictures: 2 done, 1 refused"
        answered(page, "two.jpg")
        page.close()


def test_results_beyond_the_bound_are_asked_for_again(desktop, server, parser):
    """Memory holds the last seen; the shares of all stay, and a picture that is seen again has its result again."""
    page, asked = desktop.context.browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url) if "segment" in request.url else None)

    def lower(route):
        text = route.fetch().text()
        assert text.count("200e6") == text.count("MOST = 100") == 1
        route.fulfill(body=text.replace("200e6", "1").replace("MOST = 100", "MOST = 3"), content_type="text/javascript")

    page.route("**/pictures.js", lower)
    page.goto(server)
    began(page)
    choose(page, file("a.jpg"), file("b.png", SECOND), file("c.jpg"), file("d.jpg"))
    settled(page, "done", "done", "done")
    expect(page.locator("#error")).to_contain_text("no room for 1 more picture:")
    assert len(asked) == 3
    page.locator(".tile").nth(1).click()
    answered(page, "b.png")
    assert len(asked) == 4
    assert np.array_equal(saved(page, "Save labels")[2], parser.annotate(decode_photo(SECOND)))
    assert {row[0] for row in table(page, "Save all shares")[1][1:]} == {"a.jpg", "b.png", "c.jpg"}
    page.locator(".tile").nth(1).click()
    settled(page, "done", "done", "done")
    assert len(asked) == 4, "what is in view is there"
    page.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A parser of the demo's classes."""
    names = tuple(kind.label.split(",")[0] for kind in Kind if kind)
    return load_parser(save_small_model(tmp_path_factory.mktemp("demo"), names), None)


def test_a_model_of_other_classes_has_no_samples(fresh, server):
    """The tests' model has other classes than the demo's dataset."""
    assert requests.get(f"{server}api/model", timeout=WAIT_S).json()["samples"] == []
    assert fresh.locator("#choose").is_visible()
    assert fresh.locator("#samples").is_hidden()
    assert not fresh.get_by_label("Sample picture").count()


def test_a_sample(demo, desktop):
    """One click, and nothing else of the start is clicked."""
    page, choosers = desktop.context.browser.new_page(), []

    def note(chooser):
        choosers.append(chooser)

    page.on("filechooser", note)
    with served(demo) as url:
        page.goto(url)
        began(page)
        page.get_by_label("Sample picture: coast").click()
        answered(page, "coast.jpg")
        assert choosers == []
        settled(page, "done")
        assert page.locator("#samples img").evaluate_all("all => all.every((one) => one.naturalWidth > 300)")
        page.close()
