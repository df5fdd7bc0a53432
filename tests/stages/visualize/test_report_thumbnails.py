"""The report's table of all images in a real browser: listed, filtered, and enlarged like the scenes of the gallery."""

import pytest
from report_inputs import built, settings, stage_inputs
from report_page import enlarged, opened, report_page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A browser, and the address of a report with a gallery of four scenes and a table of all five."""
    with report_page(tmp_path_factory.mktemp("report"), best=1, worst=1, random=2, all=True) as page:
        yield page


def test_all_images_are_listed(report):
    rows = "rows => rows.filter(row => !row.hidden).map(row => row.cells[0].textContent)"
    with opened(report) as page:
        assert page.eval_on_selector_all("#image-table tbody tr", rows)[-1] == "nothing", "without a score"
        assert len(page.eval_on_selector_all("#image-table tbody tr", rows)) == 5
        page.get_by_label("Find an id or a category").fill("STREET")
        assert page.eval_on_selector_all("#image-table tbody tr", rows) == ["large"]
        thumbnail = page.locator("#image-table img:visible")
        thumbnail.scroll_into_view_if_needed()
        assert thumbnail.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        assert thumbnail.get_attribute("loading") == "lazy"


def test_thumbnails_enlarge_and_keys_go_through_the_rows(report):
    with opened(report) as page:
        names = page.eval_on_selector_all("#image-table tbody tr", "rows => rows.map(row => row.cells[0].textContent)")
        dialog, stage = page.locator("#zoom"), page.locator("#zoom .stage")
        page.get_by_role("button", name=f"Enlarge {names[0]}").focus()
        page.keyboard.press("Enter")
        assert dialog.is_visible()
        assert enlarged(page) == (names[0], "prediction", "1 of 5"), "an image of the gallery has all its pictures"
        page.keyboard.press("ArrowRight")
        assert enlarged(page)[1] == "errors"
        page.keyboard.press("ArrowUp")
        assert enlarged(page)[::2] == ("nothing", "5 of 5"), "after the first row comes the last"
        assert page.locator("#zoom img").get_attribute("alt") == "nothing: prediction"
        assert stage.bounding_box()["width"] == pytest.approx(4 * 40, abs=1)
        assert not any(part.is_visible() for part in dialog.locator("canvas, fieldset, [name=opacity]").all())
        assert dialog.get_by_text("only a thumbnail").is_visible()
        page.keyboard.press("ArrowRight")
        assert enlarged(page)[1] == "errors", "there is nothing to turn to"
        stage.hover()
        assert not stage.locator(".at").is_visible()
        page.keyboard.press("ArrowUp")
        assert enlarged(page)[::2] == (names[3], "4 of 5")
        assert dialog.locator("canvas").is_visible()
        assert not dialog.get_by_text("only a thumbnail").is_visible()
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.ariaLabel") == f"Enlarge {names[0]}"
        page.get_by_label("Find an id or a category").fill("nothing")
        page.get_by_role("button", name="Enlarge nothing").click()
        assert enlarged(page)[::2] == ("nothing", "1 of 1"), "the rows that are shown"


def test_thumbnails_enlarge_where_there_is_no_gallery(report, tmp_path, root, monkeypatch):
    inputs = stage_inputs(tmp_path, root, monkeypatch)
    built(inputs | {"params": inputs["params"].model_copy(update={"visualize": settings(all=True)})})
    alone = (report[0], (inputs["report"] / "index.html").as_uri())
    with opened(alone, 390, 844, has_touch=True, fragment="#images") as page:
        page.get_by_role("button", name="Enlarge large").tap()
        assert page.locator("#zoom h4").inner_text().startswith("large")
        assert page.locator("#zoom .stage").bounding_box()["width"] <= 390
        page.get_by_label("Next scene").tap()
        assert page.locator("#zoom .place").inner_text().endswith(" of 5")
