"""Zoom and pan on the page of `sceneparse web`, by wheel, drag, fingers, buttons and keys."""

import numpy as np
import pytest
from playwright.sync_api import expect
from web_page import NAMES, PHOTO, at, began, give, inner, settled, view_colour

from sceneparse.dataset.photos import decode_photo

pytestmark = pytest.mark.slow


@pytest.fixture
def annotation(fresh, parser):
    """The labels of the picture in view, which has been zoomed by nothing yet."""
    give(fresh)
    settled(fresh, "done")
    return parser.annotate(decode_photo(PHOTO))


def scale(page):
    return int(page.locator("#zoom").inner_text().rstrip("%")) / 100


def reset(page):
    """Zoom out to the whole picture, and let the pointer rest elsewhere."""
    page.locator("#zoom-reset").click()
    page.hover("h1")
    assert scale(page) == 1


@pytest.mark.parametrize("turns", [1, 3, 9])
def test_the_wheel_keeps_what_is_under_the_pointer(fresh, annotation, parser, turns):
    """The pixel that the pointer is at stays there, in its class's colour, and keeps its name."""
    fresh.locator("#opacity").fill("100")
    for value in np.unique(annotation).tolist():
        row, column = inner(annotation, value)
        fresh.hover("#view", position=at(fresh, "#view", row, column, *annotation.shape))
        for _ in range(turns):
            fresh.mouse.wheel(0, -200)
        expect(fresh.locator("#zoom")).not_to_have_text("100%")
        assert fresh.locator("#tip").inner_text() == NAMES[value - 1]
        assert view_colour(fresh, row, column, *annotation.shape) == parser.colours[value].tolist()
        reset(fresh)
    fresh.locator("#opacity").fill("60")


def test_the_hover_s_name_at_every_place_of_a_zoomed_view(fresh, annotation):
    """Names follow the labels after a zoom and a drag; a drag keeps no class, a double click shows all again."""
    height, width = annotation.shape
    box = fresh.locator("#view").bounding_box()
    fresh.locator("#zoom-in").click()
    zoom = 1.5
    assert scale(fresh) == pytest.approx(zoom, abs=0.01)
    fresh.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    fresh.mouse.down()
    fresh.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] * 3 / 4, steps=4)
    fresh.mouse.up()
    assert fresh.locator("[aria-pressed=true]").count() == 0
    left, top = width / 2 - width / zoom / 2 + width / zoom / 4, height / 2 - height / zoom / 2 - height / zoom / 4
    seen = set()
    for y in np.linspace(0.05, 0.95, 7):
        for x in np.linspace(0.05, 0.95, 7):
            row, column = top + y * height / zoom, left + x * width / zoom
            around = annotation[int(row - 0.5) : int(row + 0.5) + 1, int(column - 0.5) : int(column + 0.5) + 1]
            if len(np.unique(around)) == 1:  # CSS pixels and the picture's do not meet at boundaries
                fresh.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
                assert fresh.locator("#tip").inner_text() == NAMES[around[0, 0] - 1]
                seen.add(int(around[0, 0]))
    assert len(seen) > 1
    fresh.mouse.dblclick(box["x"] + 40, box["y"] + 40)
    assert scale(fresh) == 1
    assert fresh.locator("[aria-pressed=true]").count() == 0


def test_keys_zoom_and_move(fresh, annotation):
    """Plus, minus and 0 while the focus is at the picture or nowhere; arrows move; the slider keeps its own keys."""
    top_left = annotation[2, 2]
    fresh.evaluate("document.activeElement.blur()")
    fresh.keyboard.press("+")
    assert scale(fresh) == 1.5
    fresh.keyboard.press("0")
    fresh.locator("#view").focus()
    for key, expected in (("+", 1.5), ("+", 2.25), ("-", 1.5), ("0", 1), ("=", 1.5), ("+", 2.25)):
        fresh.keyboard.press(key)
        assert scale(fresh) == pytest.approx(expected, abs=0.01)
    for _ in range(12):
        fresh.keyboard.press("ArrowLeft")
        fresh.keyboard.press("ArrowUp")
    fresh.hover("#view", position={"x": 3, "y": 3})
    assert fresh.locator("#tip").inner_text() == NAMES[top_left - 1], "no farther than the corner"
    fresh.locator("#opacity").focus()
    fresh.keyboard.press("0")
    fresh.keyboard.press("+")
    assert scale(fresh) == pytest.approx(2.25, abs=0.01)


def test_its_ends(fresh, annotation):
    """The whole picture, where the wheel scrolls the page again, and 24 pixels along the longer side."""
    fresh.hover("#view")
    fresh.mouse.wheel(0, 200)
    assert scale(fresh) == 1
    assert fresh.locator("#zoom-out").get_attribute("aria-disabled") == "true"
    for _ in range(5):
        fresh.locator("#zoom-in").click()
    assert scale(fresh) == pytest.approx(max(annotation.shape) / 24, abs=0.01)
    assert fresh.locator("#zoom-in").get_attribute("aria-disabled") == "true"
    reset(fresh)


def test_two_fingers(desktop, server):
    """A pinch zooms the picture and not the page; one finger then moves it, and the page stays."""
    page = desktop.context.browser.new_page(viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True)
    page.goto(server)
    began(page)
    give(page)
    scrolled = page.evaluate("scrollY")
    box, client = page.locator("#view").bounding_box(), page.context.new_cdp_session(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(kind, *places):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        client.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    touch("Start", (x - 20, y))
    touch("Start", (x - 20, y), (x + 20, y))
    for step in range(1, 5):
        touch("Move", (x - 20 - 10 * step, y - 20 * step), (x + 20 + 10 * step, y - 20 * step))
    touch("End")
    assert scale(page) == pytest.approx(3, abs=0.1)
    assert page.evaluate("[visualViewport.scale, scrollX, scrollY]") == [1, 0, scrolled]
    before = view_colour(page, 0, 0, 8, 8)
    touch("Start", (x, y))
    for step in range(1, 9):
        touch("Move", (x + 10 * step, y + 10 * step))
    touch("End")
    assert view_colour(page, 0, 0, 8, 8) != before
    assert page.evaluate("[scrollX, scrollY]") == [0, scrolled]
    assert page.locator("[aria-pressed=true]").count() == 0
    page.close()
