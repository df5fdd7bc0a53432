"""`sceneparse web` in a process of its own, a photo for it, and what a person does on its page."""

import csv
import re
import select
import subprocess
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from command import ENVIRONMENT, command
from datasets import encoded
from photos import turned
from PIL import Image
from playwright.sync_api import expect

NAMES = ("<b>road</b> & path", "sky", "tree")
MAX_MB, MAX_MEGAPIXELS = 1, 2
WAIT_S = 180  # however busy the machine is
WAIT_MS = 1000 * WAIT_S


def sketch():
    """Blocks of colours, so that the tests' model sees more than one class."""
    blocks = np.random.default_rng(8).integers(0, 256, (3, 4, 3), np.uint8)
    return Image.fromarray(blocks.repeat(40, 0).repeat(40, 1))


PHOTO = encoded(sketch(), "JPEG", exif=turned(), quality=95, subsampling=0)


@contextmanager
def running(model, *flags):
    """The command's process, once it has said where it is: .url and .process."""
    words = command("web", "--model", model, "--port", "0", *flags)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=model.parent, env=ENVIRONMENT, **pipes) as process:
        try:
            ready, _, _ = select.select([process.stdout], [], [], WAIT_S)
            line = process.stdout.readline() if ready else "nothing"
            match = re.fullmatch(r"sceneparse web: (http://\S+/) \(Ctrl-C ends it\)\n", line)
            assert match, line + (process.kill() or process.stderr.read())
            yield SimpleNamespace(url=match[1], process=process)
        finally:
            process.kill()


def began(page):
    """Wait for the page's own script."""
    expect(page.locator("#limits")).not_to_be_empty(timeout=WAIT_MS)


def answered(page, name):
    """Wait for the result of the picture of this name."""
    expect(page.locator("#facts")).to_have_text(re.compile("^" + re.escape(name)), timeout=WAIT_MS)


def choose(page, *files):
    """Choose files as a person does."""
    with page.expect_file_chooser() as chooser:
        page.locator("#choose:visible, #another:visible").click()
    chooser.value.set_files(list(files))


def give(page, content=PHOTO, name="my photo.jpg", type="image/jpeg"):
    """Choose a picture as a person does, and wait for its answer."""
    page.evaluate("document.getElementById('facts').textContent = ''")  # of the one before
    choose(page, {"name": name, "mimeType": type, "buffer": content})
    answered(page, name)


def saved(page, button):
    """Name and pixels of what a button saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    with Image.open(download.value.path()) as image:
        return download.value.suggested_filename, image.mode, np.asarray(image)


def at(page, selector, row, column, rows, columns):
    """Place of a picture's pixel within its element, CSS pixels."""
    box = page.locator(selector).bounding_box()
    return {"x": (column + 0.5) / columns * box["width"], "y": (row + 0.5) / rows * box["height"]}


def view_colour(page, row, column, rows, columns):
    """RGB of the view where it shows that pixel."""
    return page.evaluate(
        """([x, y]) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
            const view = document.getElementById('view');
            const data = view.getContext('2d').getImageData(x * view.width, y * view.height, 1, 1).data;
            done([...data.slice(0, 3)]);
        })))""",
        [(column + 0.5) / columns, (row + 0.5) / rows],
    )


def inner(annotation, value):
    """Row and column of a pixel of a class, away from its boundaries."""
    same = annotation == value
    for axis in (0, 1):
        for shift in (-3, -2, -1, 1, 2, 3):
            same &= np.roll(same, shift, axis)
    return next(zip(*same.nonzero(), strict=True))


def settled(page, *states):
    """Wait for the states of the strip's pictures: waiting, working, done or refused."""
    tiles = page.locator("#pictures li")
    for place, state in enumerate(states):
        expect(tiles.nth(place)).to_have_attribute("data-state", state, timeout=WAIT_MS)
    expect(tiles).to_have_count(len(states))


def table(page, button):
    """Name and cells of the CSV that a button saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        return download.value.suggested_filename, list(csv.reader(file))
