"""The report of made-up inputs, open in a browser."""

from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import browser_page
from daemons import PATIENCE
from report_inputs import built, settings, stage_inputs


@contextmanager
def report_page(folder, **changes):
    """A browser, and the address of the report in `folder`; `changes`: of the section visualize."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        inputs = stage_inputs(folder, Path(__file__).parents[2], monkeypatch)
        if changes:
            inputs["params"] = inputs["params"].model_copy(update={"visualize": settings(**changes)})
        built(inputs)
    with browser_page() as page:
        yield page.context.browser, (inputs["report"] / "index.html").as_uri()


@contextmanager
def opened(report, width=1400, height=1000, scheme="light", fragment="", **options):
    """The page, drawn; afterwards, nothing that the browser had to complain of and nothing asked of a network."""
    browser, address = report
    asked, said = [], []
    with browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, **options) as page:
        page.set_default_timeout(1000 * PATIENCE)
        page.on("request", lambda request: asked.append(urlsplit(request.url).scheme))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address + fragment)
        page.wait_for_selector(f"html[data-drawn={scheme}]")
        yield page
    assert not said, said
    assert set(asked) <= {"file", "data"}


def pixel(page, x, y, canvas=".stage canvas", number=0):
    """RGBA of what is laid over a scene at these shares of its width and height."""
    return page.evaluate(
        """([selector, number, x, y]) => {
            const canvas = document.querySelectorAll(selector)[number];
            const at = [Math.floor(x * canvas.width), Math.floor(y * canvas.height)];
            return [...canvas.getContext("2d").getImageData(...at, 1, 1).data];
        }""",
        [canvas, number, x, y],
    )


def enlarged(page):
    """The scene, picture and place that the dialog shows."""
    kind = page.evaluate("document.querySelector('#zoom form').elements.picture.value")
    return (
        page.locator("#zoom h4").evaluate("h4 => h4.firstChild.data").strip(),
        kind,
        page.locator("#zoom .place").inner_text(),
    )
