"""sceneparse web: a real server, real clicks in a real browser, and requests that it must refuse."""

import base64
import io
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import zlib
from contextlib import contextmanager
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
import requests
from browser import browser_page
from cards import make_card
from datasets import encoded
from models import model_params
from PIL import Image
from playwright.sync_api import expect

from sceneparse.dataset.photos import decode_photo, decode_resized
from sceneparse.scores.overlays import overlay
from sceneparse.web.answer import shrunk

pytestmark = pytest.mark.slow

NAMES = ("sky", "<b>road</b> & path", "tree")
CLOCKWISE = 6  # EXIF: to be turned by 90 degrees to stand upright
MAX_MB, MAX_MEGAPIXELS = 1, 2
WAIT_S = 180  # however busy the machine is
WAIT_MS = 1000 * WAIT_S


def sketch():
    """Blocks of colours, so that the tests' model sees more than one class."""
    blocks = np.random.default_rng(3).integers(0, 256, (3, 4, 3), np.uint8)
    blocks[0] = 0
    return Image.fromarray(blocks.repeat(40, 0).repeat(40, 1))


def turned(format, **options):
    exif = Image.Exif()
    exif[0x0112] = CLOCKWISE
    return encoded(sketch(), format, exif=exif, **options)


PHOTO = turned("JPEG", quality=95, subsampling=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny network of random weights."""
    from sceneparse.network.fcn8s import build_fcn8s
    from sceneparse.network.saving import save_model

    network = build_fcn8s(3, model_params(width=1 / 64))
    for name in ("score_pool3", "score_fr"):
        kernel = network.get_layer(name).kernel
        kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    save_model(network, path, make_card(classes=list(NAMES), palette=["#ff0000", "#00ff00", "#0000ff"]))
    return path


@pytest.fixture(scope="module")
def parser(model):
    from sceneparse.inference.loading import load_parser

    return load_parser(model, None)


@contextmanager
def running(model, root, *flags):
    """The command's process, once it has said where it is: .url and .process."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "pipeline.cli.main",
        "web",
        "--model",
        str(model),
        "--port",
        "0",
        *flags,
    ]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        command, cwd=model.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            ready, _, _ = select.select([process.stdout], [], [], WAIT_S)
            line = process.stdout.readline() if ready else "nothing"
            found = re.fullmatch(r"sceneparse web: (http://\S+/) \(Ctrl-C ends it\)\n", line)
            assert found, line + (process.kill() or process.stderr.read())
            yield SimpleNamespace(url=found[1], process=process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def serving(model, root):
    """One server for all tests; in the end Ctrl-C, which it must take for what it is."""
    limits = ["--max-mb", str(MAX_MB), "--max-megapixels", str(MAX_MEGAPIXELS)]
    with running(model, root, *limits) as serving:
        yield serving
        serving.process.send_signal(signal.SIGINT)
        _, errors = serving.process.communicate(timeout=WAIT_S)
        assert serving.process.returncode == 0
        assert "Traceback" not in errors
        assert "rror:" not in errors
        assert not re.search(r"[IWEF]0000 |absl::|oneDNN|cuInit", errors), "a line of TensorFlow's"


@pytest.fixture(scope="module")
def server(serving):
    return serving.url


def began(page):
    """Wait for the page's own script."""
    expect(page.locator("#limits")).not_to_be_empty(timeout=WAIT_MS)


def answered(page, name):
    """Wait for the result of the picture of this name."""
    expect(page.locator("#facts")).to_have_text(re.compile("^" + re.escape(name)), timeout=WAIT_MS)


@pytest.fixture(scope="module")
def desktop(server):
    """A page that has begun, what it asked for, and what went wrong in it."""
    with browser_page(1280, 800) as page:
        page.asked, page.failed = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.failed.append(str(error)))
        page.on("console", lambda message: page.failed.append(message.text) if message.type == "error" else None)
        page.goto(server)
        began(page)
        yield page
        assert page.failed == []
        assert {urlsplit(url).netloc for url in page.asked if not url.startswith("blob:")} == {urlsplit(server).netloc}


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


def dimmed(colour):
    """Return the rest of a pixel while another class is highlighted."""
    return 0.28 * colour + 0.72 * np.array([13, 17, 23])


def inner(annotation, value):
    """Row and column of a pixel of a class, away from its boundaries."""
    same = annotation == value
    for axis in (0, 1):
        for shift in (-3, -2, -1, 1, 2, 3):
            same &= np.roll(same, shift, axis)
    return next(zip(*same.nonzero(), strict=True))


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

    page.get_by_label("Boundaries").uncheck()
    name, _, mixed = saved(page, "Save overlay")
    expected = overlay(picture, annotation, parser.colours, 0.6)
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
    last = np.bincount(annotation.ravel()).argsort()[-2]
    spot = inner(annotation, last)
    assert np.abs(view_colour(page, *spot, *annotation.shape) - dimmed(picture[spot])).max() <= 8
    page.keyboard.press("Enter")
    assert rows.nth(0).get_attribute("aria-pressed") == "true"
    assert page.locator("#view").get_attribute("aria-label").startswith("my photo.jpg: tree 93.9%, <b>road</b> & path")


def test_a_turned_tiff(desktop, parser):
    """Chromium shows no TIFF: the server's picture is shown, upright as well."""
    content = turned("TIFF")
    picture = decode_photo(content)
    give(desktop, content, "scan.tif", "image/tiff")
    assert np.array_equal(saved(desktop, "Save labels")[2], parser.annotate(picture))
    desktop.get_by_text("Original").click()
    found = saved(desktop, "Save overlay")[2][..., :3]
    assert found.shape == picture.shape == (160, 120, 3)
    assert np.abs(found.astype(int) - picture).mean() < 5
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture", "bad.jpg: the picture cannot be read: not a picture, or cut off in its header; open it"),
        (bytes(MAX_MB * 10**6 + 1), "bad.jpg: the file is larger than 1 MB"),
    ],
    ids=["no picture", "bytes"],
)
def test_a_picture_that_is_refused(desktop, server, content, message):
    """The page names the fault, keeps the last result, if there is one, and takes the next picture."""
    bad = {"name": "bad.jpg", "mimeType": "image/jpeg", "buffer": content}
    desktop.goto(server)
    began(desktop)
    choose(desktop, bad)
    desktop.get_by_role("alert").wait_for(timeout=WAIT_MS)
    assert desktop.get_by_role("alert").inner_text().startswith(message)
    assert desktop.locator("#result").is_hidden()
    assert desktop.locator("#start").is_visible()

    give(desktop)
    assert desktop.get_by_role("alert").is_hidden()
    before = saved(desktop, "Save labels")
    choose(desktop, bad)
    desktop.get_by_role("alert").wait_for(timeout=WAIT_MS)
    assert desktop.get_by_role("alert").inner_text().startswith(message)
    answered(desktop, "my photo.jpg")
    assert np.array_equal(saved(desktop, "Save labels")[2], before[2])
    assert desktop.locator("#pictures").is_hidden()
    desktop.failed = [text for text in desktop.failed if "the server responded with a status of 4" not in text]


def test_two_at_a_time_and_a_bad_one(desktop, server, parser):
    """Both are labelled, each has its downloads, and what is wrong with the third is said beside them."""
    desktop.goto(server)
    began(desktop)
    second = encoded(sketch().rotate(90, expand=True), "PNG")
    files = {"first.jpg": PHOTO, "<img src=x>.jpg": b"no picture", "second.png": second}
    choose(desktop, *({"name": name, "mimeType": "image/x", "buffer": content} for name, content in files.items()))
    desktop.get_by_role("alert").wait_for(timeout=WAIT_MS)
    assert desktop.get_by_role("alert").inner_text().startswith("<img src=x>.jpg: the picture cannot be read")
    tabs = desktop.locator("#pictures button")
    expect(desktop.locator("#pictures .waiting")).to_have_count(0, timeout=WAIT_MS)
    assert tabs.all_text_contents() == ["first.jpg", "second.png"]
    for name, content in (("first.jpg", PHOTO), ("second.png", second), ("first.jpg", PHOTO)):
        tabs.get_by_text(name).click()
        answered(desktop, name)
        picture = decode_photo(content)
        file, _, labels = saved(desktop, "Save labels")
        assert file == f"{name[:-4]}_labels.png"
        assert np.array_equal(labels, parser.annotate(picture))
        assert saved(desktop, "Save overlay")[2].shape[:2] == picture.shape[:2]
        assert desktop.locator("[aria-current=true]").inner_text() == name
    desktop.failed = [text for text in desktop.failed if "the server responded with a status of 4" not in text]


def test_a_picture_above_the_limit_is_shrunk(desktop, server, parser):
    """To the limit, upright, and the page and the answer say so; its labels are those of the smaller picture."""
    image = sketch().resize((2400, 1800), Image.Resampling.NEAREST)  # 4.3 megapixels of 2
    exif = Image.Exif()
    exif[0x0112] = CLOCKWISE
    content = encoded(image, "JPEG", exif=exif)
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


# --- the server by itself


def test_a_shrunk_size():
    """Shrunk pictures keep their shape and are as large as allowed; a thin one keeps a pixel of its short side."""
    assert shrunk((2000, 1000), 2_000_000) == (2000, 1000)
    assert shrunk((2001, 1000), 2_000_000) == (2000, 999)
    assert shrunk((60_000, 1), 100) == (100, 1)


def test_what_the_server_says(server, parser):
    """The answer's numbers without the page, and none of it stays in a cache."""
    answer = requests.post(f"{server}api/segment", data=PHOTO, timeout=WAIT_S)
    assert answer.headers["Cache-Control"] == "no-store"
    content, annotation = answer.json(), parser.annotate(decode_photo(PHOTO))
    assert (content["height"], content["width"], content["picture"]) == (160, 120, None)
    values = zlib.decompress(base64.b64decode(content["values"]))
    assert np.array_equal(np.frombuffer(values, np.uint8).reshape(160, 120), annotation)
    with Image.open(io.BytesIO(base64.b64decode(content["labels"]))) as labels:
        assert np.array_equal(np.asarray(labels), annotation)
    assert sum(row["share"] for row in content["legend"]) == pytest.approx(1)
    page = requests.get(server, timeout=WAIT_S)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert not any(name.lower().startswith("access-control") for name in page.headers)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example:80"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_names_and_origins(server, headers, status):
    """DNS rebinding, and pages of other sites."""
    answer = requests.get(f"{server}api/model", headers=headers, timeout=WAIT_S)
    assert answer.status_code == status
    assert ("error" in answer.json()) == (status == 403)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "absent", 404), ("PUT", "api/segment", 405)])
def test_what_is_not_there_is_told_as_all_errors_are(server, method, path, status):
    answer = requests.request(method, f"{server}{path}", timeout=WAIT_S)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert requests.head(server, timeout=WAIT_S).status_code == 200


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_is_not_held_beyond_its_limit(serving, announced):
    """A hundred times the limit leaves no trace in the server's memory, and its sender hears why it was in vain."""
    memory = psutil.Process(serving.process.pid).memory_info
    before, piece = memory().rss, bytes(MAX_MB * 10**6)
    body = piece * 100 if announced else (piece for _ in range(100))
    answer = requests.post(f"{serving.url}api/segment", data=body, timeout=WAIT_S)
    assert answer.status_code == 413
    assert answer.json() == {"error": "the file is larger than 1 MB, the most that is taken here"}
    assert memory().rss - before < 30e6


def test_few_wait(server):
    """With as many uploads open as may be, one more is refused, until they end."""
    place = urlsplit(server).hostname, urlsplit(server).port
    head = f"POST /api/segment HTTP/1.1\r\nHost: {place[0]}\r\nContent-Length: 9\r\n\r\n".encode()
    held = [socket.create_connection(place) for _ in range(8)]
    for connection in held:
        connection.sendall(head)

    def until(status):
        deadline = time.monotonic() + WAIT_S
        while requests.post(f"{server}api/segment", data=PHOTO, timeout=WAIT_S).status_code != status:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    until(503)
    for connection in held:
        connection.close()
    until(200)


def test_a_taken_port_and_an_open_address(model, root):
    """One is refused with a way out, the other warned of."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "pipeline.cli.main", "web", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert "--port 0" in done.stderr
    assert "Traceback" not in done.stderr
    with running(model, root, "--host", "0.0.0.0") as server:  # noqa: S104
        assert urlsplit(server.url).hostname == "localhost"
        assert requests.get(f"{server.url}api/model", timeout=WAIT_S).status_code == 200
        server.process.send_signal(signal.SIGINT)
        assert "warning: whoever reaches this machine" in server.process.communicate(timeout=WAIT_S)[1]
        assert server.process.returncode == 0
