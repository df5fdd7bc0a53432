"""The report's gallery in a real browser: pictures enlarged, scenes filtered by the address, classes highlighted."""

import pytest
from report_inputs import SceneParser
from report_page import enlarged, opened, pixel, report_page

pytestmark = pytest.mark.slow

VEIL = pytest.approx([20, 23, 28, 204], abs=1)  # a canvas keeps colours multiplied by their opacity
FOCUS = "document.activeElement.closest('article')?.dataset.id"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A browser, and the address of a report that lists all images and links to files."""
    changes = {"best": 1, "worst": 1, "random": 2, "all": True, "full_size": True}
    with report_page(tmp_path_factory.mktemp("report"), **changes) as page:
        yield page


def ids(page):
    return page.eval_on_selector_all("article", "all => all.filter(a => a.offsetParent).map(a => a.dataset.id)")


def test_a_picture_is_enlarged_and_left_by_keys(report):
    with opened(report) as page:
        first, *_, last = ids(page)
        dialog, stage = page.locator("#zoom"), page.locator("article .stage").first
        stage.focus()
        page.keyboard.press("Enter")
        assert dialog.is_visible()
        assert enlarged(page) == (first, "prediction", "1 of 4")
        assert dialog.locator(".stage").bounding_box()["height"] > 1.5 * stage.bounding_box()["height"]
        page.keyboard.press("ArrowRight")
        assert enlarged(page)[1] == "errors"
        page.keyboard.press("ArrowRight")
        assert enlarged(page)[1] == "image", "after the last picture comes the first"
        assert pixel(page, 0.2, 0.5, "#zoom canvas") == [0, 0, 0, 0]
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        page.locator("#zoom [name=opacity]").fill("100")
        page.locator("#zoom .close").focus()
        assert pixel(page, 0.2, 0.5, "#zoom canvas") == [*SceneParser.colours[1], 255]
        page.keyboard.press("ArrowUp")
        assert enlarged(page) == (last, "prediction", "4 of 4")
        page.keyboard.press("ArrowDown")
        assert enlarged(page)[0] == first
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert page.evaluate(FOCUS) == first


def test_a_finger_opens_turns_reads_and_closes(report):
    with opened(report, 390, 844, has_touch=True) as page:
        first, second, *_ = ids(page)
        page.locator("article .stage").first.tap()
        assert page.locator("#zoom").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_label("Next scene").tap()
        assert enlarged(page)[0] == second
        page.locator("#zoom label", has_text="Truth").tap()
        assert enlarged(page)[1] == "truth"
        box = page.locator("#zoom .stage").bounding_box()
        x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 2 - 4
        page.touchscreen.tap(x, y)
        words = page.locator("#zoom .at")
        assert words.inner_text().endswith("prediction: wall")
        said = words.bounding_box()
        assert said["y"] > y + 30 or said["y"] + said["height"] < y - 30, "beside the finger"
        swipe = """([from, to, y]) => {
            const stage = document.querySelector("#zoom .stage");
            const finger = { clientY: y, pointerType: "touch", bubbles: true };
            stage.dispatchEvent(new PointerEvent("pointerdown", { ...finger, clientX: from }));
            stage.dispatchEvent(new PointerEvent("pointerup", { ...finger, clientX: to }));
        }"""
        page.evaluate(swipe, [x, x + 120, y])
        assert enlarged(page)[0] == first
        page.get_by_label("Close").tap()
        assert not page.locator("#zoom").is_visible()


def test_files_beside_the_page_are_linked_and_exist(report):
    with opened(report) as page:
        page.locator("article[data-id='0002 100%#?'] .stage").click()
        for name in ("image", "truth", "prediction", "overlay"):
            with page.expect_popup() as popup:
                page.locator("#zoom .files").get_by_role("link", name=name, exact=True).click()
            assert popup.value.evaluate("document.images[0].naturalWidth") == 40
            popup.value.close()


def test_scenes_are_filtered_and_the_address_keeps_it(report):
    with opened(report) as page:
        everything = ids(page)
        form, count = page.locator("#find"), page.locator("#shown")
        assert count.inner_text() == "4 of 4 scenes"
        form.get_by_label("Id").fill("000")
        assert ids(page) == [id for id in everything if "000" in id]
        form.get_by_label("Category").select_option("living room")
        assert ids(page) == ["0001"]
        assert count.inner_text() == "1 of 4 scenes"
        assert page.locator(".group:visible").count() == 1, "no heading without scenes"
        assert page.evaluate("location.hash") == "#scenes&category=living+room&id=000"
        page.get_by_role("link", name="Training").click()
        page.wait_for_function("location.hash == '#training&category=living+room&id=000'")
        address = page.evaluate("location.hash")
        page.locator("article:visible .stage").click()
        assert enlarged(page)[2] == "1 of 1", "enlarged are only those shown"
        page.keyboard.press("ArrowDown")
        assert enlarged(page)[0] == "0001"
        page.keyboard.press("Escape")
    with opened(report, fragment=address) as page:
        assert ids(page) == ["0001"]
        page.get_by_role("button", name="Show all").click()
        page.wait_for_function("location.hash == '#scenes'")
        assert ids(page) == everything
    with opened(report, fragment="#scenes&class=9&category=nowhere") as page:
        assert ids(page) == everything, "unknown values count as none"


def test_scenes_of_a_class_and_of_a_range_of_scores(report):
    with opened(report, fragment="#scenes&class=1") as page:
        assert len(ids(page)) == 4
        scores = page.eval_on_selector_all("article", "all => all.map(a => [a.dataset.id, 100 * a.dataset.score])")
        highest = max(score for _, score in scores)
        page.locator("#find [name=from]").fill(str(int(highest)))
        assert set(ids(page)) == {id for id, score in scores if score >= int(highest)}
        page.locator("#find [name=to]").fill("0")
        assert set(ids(page)) == {id for id, score in scores if score <= int(highest)}, "the ends may cross"


def test_a_class_is_highlighted_in_all_pictures(report):
    with opened(report) as page:
        page.locator("#boundaries").uncheck()
        page.locator("#opacity").fill("100")
        sky = page.locator("article").first.get_by_role("button", name="<sky> & more")
        sky.hover()
        for number in range(4):
            assert pixel(page, 0.2, 0.5, number=number) == VEIL
            assert pixel(page, 0.8, 0.5, number=number) == [*SceneParser.colours[2], 255]
        page.mouse.move(1, 1)
        assert pixel(page, 0.2, 0.5) == [*SceneParser.colours[1], 255]
        sky.click()
        page.mouse.move(1, 1)
        assert pixel(page, 0.2, 0.5) == VEIL, "a click keeps it"
        assert page.locator("article [aria-pressed=true]").count() == 4, "in every legend"
        page.locator("article").nth(2).get_by_role("button", name="wall").click()
        page.mouse.move(1, 1)
        assert pixel(page, 0.2, 0.5) == [*SceneParser.colours[1], 255], "several can be kept"
        for name in ("<sky> & more", "wall"):
            page.locator("#pins").get_by_role("button", name=name).click()
        assert not page.locator("#pins").is_visible()
        assert pixel(page, 0.2, 0.5) == [*SceneParser.colours[1], 255]


def test_a_line_is_highlighted_by_its_legend_and_by_itself(report):
    faded = "m => getComputedStyle(m).opacity < 0.2"
    some = f"[...document.querySelectorAll('[data-chart=flow] .mark-line path')].some({faded})"
    with opened(report) as page:
        lines = page.locator("[data-chart=flow] .mark-line path")
        assert not page.evaluate(some)
        entry = page.locator(".flow .legend").get_by_role("button", name="fc6")
        entry.click()
        page.mouse.move(1, 1)
        page.wait_for_function(some)
        assert lines.evaluate_all(f"all => all.filter({faded}).length") == lines.count() - 1
        assert page.locator(".flow .entry.faded").count() == 2, "conv1_1 and score_fr; conv1_2 has no line"
        page.locator("#theme").click()
        page.wait_for_selector("html[data-drawn=dark]")
        page.wait_for_function(some)
        entry.click()
        page.mouse.move(1, 1)
        assert page.locator(".flow .entry.faded").count() == 0
        page.locator("[data-chart=chart-0] .mark-symbol path").last.hover()
        page.wait_for_selector("figure .entry.faded")
        assert page.locator("figure .entry.faded").inner_text().startswith("train")


def test_tooltips_leave_the_place_free(report):
    for width in (390, 1400):
        with opened(report, width) as page:
            for marks, number in (("chart-0] .mark-symbol path", -1), ("heat] .mark-rect path", 1)):
                mark = page.locator(f"[data-chart={marks}").nth(number)
                mark.scroll_into_view_if_needed()
                mark.hover()
                page.wait_for_selector("#vg-tooltip-element.visible")
                tip, place = page.locator("#vg-tooltip-element").bounding_box(), mark.bounding_box()
                apart = [
                    tip[at] + tip[side] <= place[at] + 1 or tip[at] >= place[at] + place[side] - 1
                    for at, side in (("x", "width"), ("y", "height"))
                ]
                assert any(apart), (width, marks)
                assert 0 <= tip["x"] <= tip["x"] + tip["width"] <= width


def test_wide_tables_scroll_in_their_own_box_and_say_so(report):
    hint = "box => getComputedStyle(box, '::before').content"
    with opened(report, 390) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        box = page.locator(".scroll:has(#class-table)")
        assert "scroll sideways" in box.evaluate(hint)
        name = page.locator("#class-table tbody th").first
        before = name.bounding_box()["x"]
        box.evaluate("box => box.scrollTo(999, 0)")
        assert name.bounding_box()["x"] == pytest.approx(before, abs=2), "the name stays"
        assert page.locator(".stacked").evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")
    with opened(report) as page:
        assert page.locator(".scroll:has(#class-table)").evaluate(hint) == "none"


def test_without_its_script_all_scenes_show(report):
    browser, address = report
    with browser.new_page(java_script_enabled=False) as page:
        page.goto(f"{address}#scenes&class=3&id=0001")
        assert page.locator("article:visible").count() == 4
        assert not page.locator("#find").is_visible()
        assert not page.locator("#zoom").is_visible()
        assert page.locator("#image-table tbody tr:visible").count() == 5
