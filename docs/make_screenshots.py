"""docs/images/report.png and page.png: the top of the last run's report, and the web page with a segmented scene.

    python docs/make_screenshots.py [ID]

Needs Debian's chromium and a workspace that ran, as `make demo` leaves it.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FilePayload, sync_playwright

from sceneparse.dataset.archive import Archive

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
WIDTH, HEIGHT = 1280, 900
MAX_BYTES = 250_000
SCENE = "ADE_val_00000008"  # a street of many classes, wider than high
WAIT_MS = 120_000  # the first picture also waits for the model's compilation


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        picture_report(browser)
        with serving() as url:
            picture_page(browser, url, scene(*sys.argv[1:]))
        browser.close()
    for name in ("report.png", "page.png"):
        shrink(IMAGES / name)


def picture_report(browser: Browser) -> None:
    """Write report.png."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.goto((ROOT / "report/index.html").as_uri())
    page.get_by_role("heading", level=1).wait_for()
    page.screenshot(path=IMAGES / "report.png")


def picture_page(browser: Browser, url: str, picture: FilePayload) -> None:
    """Write page.png: a picture, once its classes are listed."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.goto(url, wait_until="networkidle")
    page.locator("input[type=file]").first.set_input_files(picture)
    page.get_by_role("listitem").filter(has_text=re.compile(r"\d\s?%")).first.wait_for(timeout=WAIT_MS)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)  # what moves comes to rest
    page.screenshot(path=IMAGES / "page.png")


def scene(id: str = SCENE) -> FilePayload:
    """Return a picture of the validation split as a browser uploads it."""
    with Archive(ROOT / "data/raw/dataset.zip") as archive:
        (pair,) = (pair for pair in archive.pairs("validation") if pair.id == id)
        return {"name": Path(pair.image).name, "mimeType": "image/jpeg", "buffer": archive.content(pair.image)}


@contextmanager
def serving() -> Iterator[str]:
    """Run `sceneparse web` on a free port, and give its address."""
    command = [sys.executable, "-m", "pipeline.cli.main", "web", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline() if process.stdout else ""
            address = re.search(r"http://\S+", said)
            if not address:
                sys.exit(f"sceneparse web gives no address: {said}")
            yield address[0]
        finally:
            process.terminate()


def shrink(picture: Path) -> None:
    """Reduce a picture of too many bytes to 256 colours, those of small areas, as in a legend, among them."""
    if picture.stat().st_size > MAX_BYTES:
        with Image.open(picture, formats=["PNG"]) as image:
            reduced = image.convert("RGB").quantize(
                method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE
            )
        reduced.save(picture, optimize=True)


if __name__ == "__main__":
    main()
