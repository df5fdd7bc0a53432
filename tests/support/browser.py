"""Pages in a real browser: Debian's Chromium, headless, driven by Playwright."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daemons import PATIENCE, find_programs

QUIET = ("background-networking", "component-update", "gpu", "quic", "sync")  # what it would do of its own accord


@contextmanager
def browser_page(width: int = 1400, height: int = 1000) -> Iterator[Any]:
    """A playwright Page of that many pixels."""
    from playwright.sync_api import sync_playwright

    chromium = find_programs({"chromium": "chromium"}, required="CI" in os.environ)["chromium"]
    with sync_playwright() as playwright:
        switches = ["--no-sandbox", *(f"--disable-{name}" for name in QUIET)]
        browser = playwright.chromium.launch(executable_path=chromium, args=switches)
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(1000 * PATIENCE)
            yield page
        finally:
            browser.close()
