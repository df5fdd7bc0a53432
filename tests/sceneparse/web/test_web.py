"""The page of `sceneparse web`: real clicks in a real browser, on a real server."""

import base64
import io

import numpy as np
import pytest
import requests
from datasets import encoded
from photos import turned
from PIL import Image
from web_page import (
    MAX_MEGAPIXELS,
    NAMES,
    PHOTO,
    WAIT_S,
    answered,
    at,
    began,
    give,
    inner,
    saved,
    sketch,
    view_colour,
)

from sceneparse.dataset.photos import decode_photo, decode_resized
from sceneparse.scores.overlays import outlined, overlay

pytestmark = pytest.mark.slow


def dimmed(colour):
    """Return the rest of a pixel while another class is highlighted."""
    return 0.28 * colour + 0.72 * np.array([13, 17, 23])


def test_choose_look_and_save(desktop, parser):
    """The whole of it: upright, the model's own labels, shares, hover, highlight, toggle, opacity, both files."""
    page, picture = desktop, decode_photo(PHOTO)
    annotation, (height, width) = parser.annotate(picture), picture.shape[:2]
    assert (height, width) == (160, 120)
    give(page)

    shares = {value: (annotation == value).mean() for value in np.unique(annotation).tolist()}
    ordered = sorted(shares, key=lambda value: -shares[value])
    assert len(ordered) > 1, "a picture that shows something"
    rows = page.locator("#legend button")
    assert rows.locator("b").all_text_contents() == [NAMES[value - 1] for value in ordered], "text, not HTML"
    assert rows.locator("output").all_text_contents() == [f"{shares[value]:.1%}" for value in ordered]

    name, mode, labels = saved(page, "Save labels")
    assert (name, mode) == ("my photo_labels.png", "P")
    assert np.array_equal(labels, annotation)

    expected = overlay(picture, annotation, parser.colours, 0.6)
    lined = saved(page, "Save overlay")[2][..., :3].astype(int)
    assert np.abs(lined - outlined(expected, annotation)).max() <= 34, "where predict has them, and a tenth transparent"
    page.get_by_label("Boundaries").uncheck()
    name, _, mixed = saved(page, "Save overlay")
    assert name == "my photo_overlay.png"
    assert np.abs(mixed[..., :3].astype(int) - expected).max() <= 8  # browsers decode JPEGs a little differently

    page.get_by_text("Original").click()
    assert np.abs(saved(page, "Save overlay")[2][..., :3].astype(int) - picture).max() <= 8
    page.get_by_text("Prediction").click()

    first, second = ordered[:2]
    spot, other = inner(annotation, first), inner(annotation, second)
    page.hover("#view", position=at(page, "#view", *spot, height, width))
    assert page.locator("#tip").inner_text() == NAMES[first - 1]
    page.hover("#view", position=at(page, "#view", *other, height, width))
    assert page.locator("#tip").inner_text() == NAMES[second - 1]
    page.hover("h1")
    assert page.locator("#tip").is_hidden()

    page.locator("#opacity").fill("100")
    assert page.locator("#percent").inner_text() == "100%"
    for value, pixel in ((first, spot), (second, other)):
        assert view_colour(page, *pixel, height, width) == parser.colours[value].tolist()

    rows.nth(0).click()
    page.hover("h1")
    assert rows.nth(0).get_attribute("aria-pressed") == "true"
    assert view_colour(page, *spot, height, width) == parser.colours[first].tolist()
    assert np.abs(view_colour(page, *other, height, width) - dimmed(picture[other])).max() <= 8
    rows.nth(0).click()
    page.hover("h1")
    assert rows.nth(0).get_attribute("aria-pressed") == "false"

    page.hover("#legend button >> nth=1")
    assert np.abs(view_colour(page, *spot, height, width) - dimmed(picture[spot])).max() <= 8
    page.locator("#view").click(position=at(page, "#view", *other, height, width))
    assert rows.nth(1).get_attribute("aria-pressed") == "true", "a click on the picture highlights what is there"
    page.locator("#opacity").fill("60")
    page.get_by_label("Boundaries").check()


def test_keys_alone_are_enough(desktop, parser):
    """Tab to a class highlights it, Enter keeps it; arrows toggle the original and move the slider."""
    page, picture = desktop, decode_photo(PHOTO)
    give(page)
    page.locator("[name=show][value=prediction]").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("[name=show][value=original]").is_checked()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.locator("#percent").inner_text() == "61%"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    rows, annotation = page.locator("#legend button"), parser.annotate(picture)
    assert rows.nth(0).evaluate("row => row === document.activeElement")
    first, second = np.bincount(annotation.ravel()).argsort()[:-3:-1]
    spot = inner(annotation, second)
    assert np.abs(view_colour(page, *spot, *annotation.shape) - dimmed(picture[spot])).max() <= 8
    page.keyboard.press("Enter")
    assert rows.nth(0).get_attribute("aria-pressed") == "true"
    told = f"my photo.jpg: {NAMES[first - 1]} {(annotation == first).mean():.1%}, {NAMES[second - 1]}"
    assert page.locator("#view").get_attribute("aria-label").startswith(told)


def test_a_turned_tiff(desktop, parser):
    """Chromium shows no TIFF: the server's picture is shown, upright as well."""
    content = encoded(sketch(), "TIFF", exif=turned())
    picture = decode_photo(content)
    give(desktop, content, "scan.tif", "image/tiff")
    assert np.array_equal(saved(desktop, "Save labels")[2], parser.annotate(picture))
    desktop.get_by_text("Original").click()
    shown = saved(desktop, "Save overlay")[2][..., :3]
    assert shown.shape == picture.shape == (160, 120, 3)
    assert np.abs(shown.astype(int) - picture).mean() < 5
    desktop.get_by_text("Prediction").click()


def test_what_was_left_out_is_said(desktop):
    give(desktop, encoded(sketch().convert("RGBA").resize((40, 30)).rotate(45), "PNG"), "see-through.png", "image/png")
    said = "see-through.png, 40 × 30 pixels; transparency, or a fourth band, is left out"
    assert desktop.locator("#facts").inner_text() == said


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_drop_and_paste(desktop, way):
    """A file that comes by drag and drop or from the clipboard."""
    name = f"{way}ped.jpg"
    kinds = {"drop": ("DragEvent", "dataTransfer"), "paste": ("ClipboardEvent", "clipboardData")}
    desktop.evaluate(
        """([content, name, way, kind, key]) => {
            const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0)), data = new DataTransfer();
            data.items.add(new File([bytes], name, {type: 'image/jpeg'}));
            const event = (type) => new globalThis[kind](type, {[key]: data, bubbles: true, cancelable: true});
            if (way === 'drop') document.body.dispatchEvent(event('dragenter'));
            globalThis.invited = !document.getElementById('drop').hidden;
            document.body.dispatchEvent(event(way));
        }""",
        [base64.b64encode(PHOTO).decode(), name, way, *kinds[way]],
    )
    answered(desktop, name)
    assert desktop.evaluate("globalThis.invited") == (way == "drop")
    assert desktop.locator("#drop").is_hidden()


def test_a_picture_above_the_limit_is_shrunk(desktop, server, parser):
    """To the limit, upright, and the page and the answer say so; its labels are those of the smaller picture."""
    image = sketch().resize((2400, 1800), Image.Resampling.NEAREST)  # 4.3 megapixels of 2
    content = encoded(image, "JPEG", exif=turned())
    answer = requests.post(f"{server}api/segment", data=content, timeout=WAIT_S).json()
    height, width = answer["height"], answer["width"]
    assert (answer["original_height"], answer["original_width"]) == (2400, 1800)
    assert 1.99e6 < height * width <= MAX_MEGAPIXELS * 10**6
    assert height / width == pytest.approx(4 / 3, rel=0.002)
    with Image.open(io.BytesIO(base64.b64decode(answer["picture"]))) as picture:
        assert picture.size == (width, height)

    give(desktop, content, "large.jpg")
    said = f"large.jpg, {width} × {height} pixels, shrunk from 1800 × 2400: more than 2 megapixels"
    assert desktop.locator("#facts").inner_text().startswith(said)
    labels = saved(desktop, "Save labels")[2]
    assert np.array_equal(labels, parser.annotate(np.asarray(decode_resized(content, width, height).image)))
    assert saved(desktop, "Save overlay")[2].shape[:2] == labels.shape == (height, width)


def test_a_list_that_scrolls_shows_it(desktop):
    """A list that goes on fades at that edge, and is whole where it ends."""
    give(desktop)
    fades = """list => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
        const style = getComputedStyle(list);
        done([style.getPropertyValue('--start'), style.getPropertyValue('--end'), style.maskImage !== 'none']);
    })))"""
    legend, solid = desktop.locator("#legend"), "#000"
    assert legend.evaluate(fades) == [solid, solid, True]
    legend.evaluate("list => Object.assign(list.style, {minHeight: 0, maxHeight: '50px'})")
    assert legend.evaluate(fades) == [solid, "transparent", True]
    legend.evaluate("list => list.scrollTo(0, 10)")
    assert legend.evaluate(fades) == ["transparent", "transparent", True]
    legend.evaluate("list => list.scrollTo(0, 1000)")
    assert legend.evaluate(fades) == ["transparent", solid, True]
    legend.evaluate("list => Object.assign(list.style, {minHeight: '', maxHeight: ''})")


@pytest.mark.parametrize("width", [360, pytest.param(390, marks=pytest.mark.exhaustive)])
def test_on_a_phone(desktop, server, width):
    """Nothing hangs over the edge, before and after, and taps do what clicks do."""
    page = desktop.context.browser.new_page(
        viewport={"width": width, "height": 800}, has_touch=True, is_mobile=True, color_scheme="dark"
    )
    page.goto(server)
    began(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("kbd").first.is_hidden(), "no keys to paste with"
    give(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator("#legend button").nth(1).tap()
    assert page.locator("#legend button").nth(1).get_attribute("aria-pressed") == "true"
    page.locator("#view").tap(position={"x": 20, "y": 20})
    assert page.locator("#tip").inner_text() in NAMES
    page.get_by_text("Original").tap()
    assert page.locator("[name=show][value=original]").is_checked()
    page.close()
