"""The report in a real browser: drawn without a complaint, and answering to pointer and keys."""

import re

import pytest
from report_inputs import SceneParser, decoded
from report_page import opened, pixel, report_page

pytestmark = pytest.mark.slow

SHADES = ("--text", "--soft", "--first")  # what text is written in


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A browser, and the address of the report."""
    with report_page(tmp_path_factory.mktemp("report")) as page:
        yield page


def shown(page, table):
    return page.eval_on_selector_all(
        f"#{table} tbody tr:not([hidden])", "rows => rows.map(row => row.cells[0].textContent.trim())"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_it_is_drawn(report, width, scheme):
    with opened(report, width, 800, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width, "nothing hangs over the edge"
        assert page.locator("[data-chart] svg").count() == 2 + 2, "two charts, the flow and the heat map"
        strokes = page.eval_on_selector_all(
            "[data-chart=flow] .mark-line path", "all => all.map(mark => getComputedStyle(mark).stroke)"
        )
        swatches = page.eval_on_selector_all(
            ".swatch.depth", "all => all.map(mark => getComputedStyle(mark).backgroundColor)"
        )
        assert set(strokes) == {swatches[number] for number in (0, 2, 3)}, "the legend is true"
    hues = [float(re.fullmatch(r"oklch\(\S+ \S+ (\S+)\)", colour)[1]) for colour in swatches]
    assert not any(90 < hue < 250 for hue in hues), "never over green"
    assert len(set(strokes)) == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(report, scheme):
    """Colours have WCAG 2.2's contrast, 4.5 for level AA, on the page and on its cards."""

    def luminance(colour):
        values = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
        light = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
        return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]

    with opened(report, scheme=scheme) as page:
        luminances = {
            name: luminance(
                page.evaluate(
                    """name => {
                        const probe = document.body.appendChild(document.createElement("i"));
                        probe.style.color = `var(${name})`;
                        return getComputedStyle(probe).color;
                    }""",
                    name,
                )
            )
            for name in (*SHADES, "--page", "--card")
        }
    for ground in ("--page", "--card"):
        for shade in SHADES:
            low, high = sorted([luminances[shade], luminances[ground]])
            assert (high + 0.05) / (low + 0.05) >= 4.5, (shade, ground)


def test_the_slider_lays_classes_over_the_image(report):
    with opened(report) as page:
        wall = [*SceneParser.colours[1].tolist()]
        assert pixel(page, 0.2, 0.5)[3] == 128, "the param's opacity, at first"
        page.locator("#opacity").fill("100")
        assert pixel(page, 0.2, 0.5) == [*wall, 255]
        assert page.locator("output[for=opacity]").text_content() == "100%"
        page.locator("#opacity").focus()
        page.keyboard.press("Home")
        assert pixel(page, 0.2, 0.5)[3] == 0
        page.keyboard.press("ArrowRight")
        assert pixel(page, 0.2, 0.5)[3] == 3
        # The stand-in predicts wall to the left of the middle, sky to the right: one boundary, 19 of 40 pixels along.
        edge, behind = (19.5 / 40, 0.5), (20.5 / 40, 0.5)
        assert pixel(page, *edge) == [255, 255, 255, 255]
        assert pixel(page, *behind) == [0, 0, 0, 255]
        assert pixel(page, 21.5 / 40, 0.5)[3] == 3
        page.locator("#boundaries").uncheck()
        assert pixel(page, *edge)[3] == pixel(page, *behind)[3] == 3


def test_what_is_laid_over_can_be_chosen_by_keys(report):
    with opened(report) as page:
        page.locator("#boundaries").uncheck()
        page.locator("#opacity").fill("100")
        page.locator("#view input[value=prediction]").focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.querySelector('#view').elements.mode.value") == "errors"
        truths, predictions = (
            [read(page, kind, place / 40) for place in range(40)] for kind in ("truth", "prediction")
        )
        pixels = [pixel(page, (place + 0.5) / 40, 0.01) for place in range(40)]
        for truth, prediction, colour in zip(truths, predictions, pixels, strict=True):
            expected = [128, 128, 128, 255] if truth == 0 else [255, 140, 0, 255] if truth != prediction else [0] * 4
            assert colour == expected
        assert {tuple(colour) for colour in pixels} == {(128, 128, 128, 255), (255, 140, 0, 255), (0, 0, 0, 0)}
        page.locator("#view input[value=truth]").check(force=True)
        unlabelled = [pixel(page, (place + 0.5) / 40, 0.01)[3] for place in range(40) if not truths[place]]
        assert set(unlabelled) == {0}, "'other' lets the image through"
        page.locator("#view input[value=image]").check(force=True)
        assert pixel(page, 0.2, 0.01)[3] == 0


def read(page, kind, x):
    """The annotation value of the first scene's picture in its first row."""
    picture = decoded(page.locator(f".stage img.{kind}").first.get_attribute("src"))
    return picture.getpixel((int(x * picture.width), 0))


def test_classes_are_named_under_the_pointer_and_by_keys(report):
    with opened(report) as page:
        stage = page.locator(".stage").first
        label = stage.locator(".at")
        assert not label.is_visible()
        stage.focus()
        page.keyboard.press("ArrowLeft")  # from the middle
        assert label.text_content().endswith("prediction: wall")
        page.keyboard.press("Escape")
        assert not label.is_visible()
        stage.hover(position={"x": stage.bounding_box()["width"] * 0.76, "y": 1})
        assert label.is_visible()
        assert label.text_content().endswith("prediction: <sky> & more")
        names = ["other (not scored)", *SceneParser.classes]
        assert label.text_content().startswith(f"truth: {names[read(page, 'truth', 0.76)]} ·")
        page.mouse.move(1, 1)
        assert not label.is_visible()


def test_tables_are_filtered_and_sorted(report):
    with opened(report) as page:
        ranked = shown(page, "class-table")
        box = page.get_by_label("Find a class")
        box.fill("SKY")
        assert shown(page, "class-table") == ["<sky> & more"]
        assert page.locator("[data-of=class-table]").text_content() == "1 of 3"
        box.fill("")
        page.get_by_role("button", name="Class", exact=True).press("Enter")
        assert shown(page, "class-table") == sorted(ranked)
        heading = page.locator("#class-table th", has_text="Class")
        assert heading.get_attribute("aria-sort") == "ascending"
        page.locator("#class-table").get_by_role("button", name="IoU").click()
        assert shown(page, "class-table") == ranked
        page.locator("#class-table").get_by_role("button", name="IoU").click()
        assert shown(page, "class-table") == ranked[::-1]
        page.locator("#category-table").get_by_role("button", name="images").click()
        assert shown(page, "category-table") == ["coast", "some <place>"]
        page.locator("#category-table").get_by_role("button", name="mean IoU").click()
        page.locator("#category-table").get_by_role("button", name="mean IoU").click()
        assert shown(page, "category-table")[-1] == "some <place>", "without a score always at the end"


def test_the_theme_can_be_changed(report):
    with opened(report) as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        before, button = page.evaluate(ground), page.locator("#theme")
        assert button.text_content() == "Dark theme"
        button.click()
        page.wait_for_selector("html[data-drawn=dark]")
        assert page.evaluate(ground) != before
        assert button.text_content() == "Light theme"
        assert page.locator("[data-chart] svg").count() == 4, "drawn anew, not once more"


def test_every_control_is_reached_by_tab(report):
    with opened(report) as page:
        reached = []
        for _ in range(120):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        for name in ("skip", "theme", "opacity", "boundaries", "stage", "entry", "open"):
            assert name in reached, name
        assert page.evaluate("getComputedStyle(document.querySelector('.skip')).position") == "absolute"


def test_without_its_script_and_on_paper_pictures_are_beside_each_other(report):
    tops = "all => new Set(all.slice(0, 3).map(tile => tile.getBoundingClientRect().top)).size"
    browser, address = report
    with browser.new_page(java_script_enabled=False) as page:
        page.goto(address)
        boxes = [page.locator(".stage img").nth(number).bounding_box() for number in range(3)]
        assert len({box["y"] for box in boxes}) == 1
        assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
        assert not page.locator("#view").is_visible()
        assert not page.get_by_label("Find a class").is_visible()
    with opened(report) as page:
        page.emulate_media(media="print", color_scheme="light")
        assert page.eval_on_selector_all(".stage img", tops) == 1
        assert all(page.locator(f".stage .{kind}").first.is_visible() for kind in ("image", "truth", "prediction"))
        assert not page.locator("#view").is_visible()
