"""Servers that drip, never end, or ask for patience: every download ends, and slow but honest lines get through."""

import email.utils
import hashlib
import itertools
import shutil
import time

import pytest
from disks import small_disk
from raw_server import dripping, endless, head, speaking

from sceneparse.core import least_rate
from sceneparse.core.errors import InputError, TransientError
from sceneparse.fetch import receiving, transfer
from sceneparse.fetch.pinned import fetch
from sceneparse.predict.web_picture import download

CONTENT = hashlib.shake_256(b"net").digest(3000)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
WHOLE = head(Content_Length=len(CONTENT), ETag='"v1"')
WINDOW = 0.4  # seconds, in place of half a minute: below 400 bytes a connection is stalled


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(least_rate, "WINDOW_S", WINDOW)
    monkeypatch.setattr(transfer, "PROGRESS_BYTES", 400)
    monkeypatch.setattr(transfer, "BACKOFF_S", 0)
    monkeypatch.setattr(transfer, "TRIES", 3)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


class Place:
    """A cache and a target: what a download leaves in them."""

    def __init__(self, folder):
        self.cache, self.target = folder / "cache", folder / "data.zip"

    def fetch(self, url, size_bytes=None, digest=DIGEST):
        fetch(url, self.target, digest=digest, size_bytes=size_bytes, cache=self.cache, pin="mine.yaml")
        return self.target.read_bytes()

    def refused(self, url, kind=InputError, **pinned):
        """The error, within seconds, and nothing at the target."""
        began = time.monotonic()
        with pytest.raises(InputError) as error:
            self.fetch(url, **pinned)
        assert time.monotonic() - began < 20
        assert type(error.value) is kind
        assert error.value.file == url
        assert not self.target.exists()
        return error.value

    def part(self):
        (part,) = self.cache.glob("*.part")
        return part.read_bytes()


def resumed(server):
    """Head and body of the rest of CONTENT, from where the newest request wants it."""
    start = server.starts()[-1]
    fields = {"Content_Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}", "ETag": '"v1"'}
    return head("206 Partial Content", Content_Length=len(CONTENT) - start, **fields), CONTENT[start:]


def test_a_dripping_body_is_given_up_and_its_bytes_are_kept(place, monkeypatch):
    """Twenty bytes a second held it for ever: no connection counts as progress. The next run resumes."""
    monkeypatch.setattr(least_rate, "WINDOW_S", 0.2)

    def answer(number):
        first, rest = (WHOLE, CONTENT) if number == 0 else resumed(server)
        return itertools.chain([first], dripping(rest, pause=0.05) if number < transfer.TRIES else [rest])

    with speaking(answer) as server:
        error = place.refused(server.url, TransientError)
        assert f"fewer than {least_rate.LEAST_RATE} bytes a second" in error.got
        assert len(server.heads) == transfer.TRIES
        left = place.part()
        assert 0 < len(left) < 400
        assert CONTENT.startswith(left)
        assert place.fetch(server.url) == CONTENT
        assert server.starts()[-1] == len(left)


@pytest.mark.slow
def test_a_slow_line_gets_through(place):
    """A few kilobytes a second, in small pieces, for many windows, are enough."""

    def answer(_):
        yield WHOLE
        for start in range(0, len(CONTENT), 60):
            time.sleep(0.02)  # 3 kB/s
            yield CONTENT[start : start + 60]

    with speaking(answer) as server:
        assert place.fetch(server.url) == CONTENT
        assert time.monotonic() - server.times[0] > 2 * WINDOW
        assert len(server.heads) == 1


@pytest.mark.parametrize(
    "beginning",
    [dripping(WHOLE), endless(b"HTTP/1.1 100 Continue\r\n\r\n"), dripping(b"HTTP/1.1 200 OK\r\nX: " + bytes(9999))],
    ids=["byte by byte", "continue for ever", "one header"],
)
def test_headers_that_do_not_end(place, beginning, monkeypatch):
    monkeypatch.setattr(receiving, "ANSWER_S", 0.25)
    with speaking(lambda number: beginning if number == 0 else dripping(WHOLE)) as server:
        assert "no whole answer" in place.refused(server.url, TransientError).got
        assert len(server.heads) == transfer.TRIES


def test_a_redirect_s_endless_body_is_not_read(place):
    def answer(number):
        if number == 0:
            return itertools.chain([head("302 Found", Location="/elsewhere")], endless())
        return [WHOLE, CONTENT]

    with speaking(answer) as server:
        assert place.fetch(server.url) == CONTENT
        assert server.heads[1].startswith("GET /elsewhere ")


def test_redirects_in_a_circle_and_to_other_schemes_are_refused(place):
    with speaking(lambda _: [head("302 Found", Location="/data.zip")]) as server:
        assert "redirects" in place.refused(server.url).got
        assert len(server.heads) == 1 + receiving.REDIRECTS
    with speaking(lambda _: [head("302 Found", Location="file:///etc/passwd")]) as server:
        assert "file:///etc/passwd" in place.refused(server.url).got


def test_a_byte_for_each_connection_is_no_progress(place):
    with speaking(lambda number: [WHOLE, CONTENT[:1]] if number == 0 else [resumed(server)[0], b"x"]) as server:
        assert "bytes, then" in place.refused(server.url, TransientError).got
        assert len(server.heads) == transfer.TRIES


@pytest.mark.parametrize(
    ("asked", "least"),
    [
        pytest.param("1", 1.0, marks=pytest.mark.slow),
        pytest.param(lambda: email.utils.formatdate(time.time() + 2, usegmt=True), 0.9, marks=pytest.mark.slow),
        (lambda: email.utils.formatdate(time.time() - 9, usegmt=True), 0),
        ("0", 0),
        ("soon", 0),
        ("-5", 0),
        ("9" * 5000, 0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 0),
    ],
    ids=["seconds", "date", "past date", "zero", "word", "negative", "huge", "far date"],
)
def test_retry_after_is_heeded(place, asked, least):
    value = asked() if callable(asked) else asked

    def answer(number):
        return [head("503 Busy", Retry_After=value)] if number == 0 else [WHOLE, CONTENT]

    with speaking(answer) as server:
        assert place.fetch(server.url) == CONTENT
        assert least <= server.times[1] - server.times[0] < least + 2


@pytest.mark.parametrize("value", ["3600", lambda: email.utils.formatdate(time.time() + 3600, usegmt=True)])
def test_a_pause_of_an_hour_is_left_to_the_user(place, value):
    value = value() if callable(value) else value
    with speaking(lambda _: [head("429 Slow Down", Retry_After=value)]) as server:
        error = place.refused(server.url, TransientError)
        assert "HTTP 429" in error.got
        assert "pause of 3" in error.got
        assert len(server.heads) == 1


@pytest.mark.parametrize(
    ("fields", "size_bytes"),
    [({"Content_Length": 10**15}, None), ({"Content_Length": 10**15}, 10**15), ({}, 10**15)],
    ids=["the server's size", "both", "the pinned size"],
)
def test_what_does_not_fit_on_the_disk_is_not_begun(place, fields, size_bytes):
    """Need and free are named, and not a byte is written."""
    with speaking(lambda _: itertools.chain([head(**fields)], endless())) as server, pytest.raises(TransientError) as e:
        place.fetch(server.url, size_bytes)
    assert e.value.expected.startswith("1000000.00 GB")
    free = shutil.disk_usage(place.cache).free
    assert float(e.value.got.split()[0]) == pytest.approx(free / 1e9, rel=0.2)
    assert place.part() == b""
    assert not place.target.exists()


def test_a_body_of_unknown_size_leaves_room_on_the_disk(tmp_path, monkeypatch):
    """The part is not kept: nobody knows whether it ends."""
    monkeypatch.setattr(transfer, "RESERVE_BYTES", 1_000_000)
    with (
        small_disk(tmp_path, size="4m") as disk,
        speaking(lambda _: itertools.chain([head()], endless())) as server,
    ):
        place = Place(disk.path)
        error = place.refused(server.url)
        assert "1.0 MB" in error.expected
        assert 2.5 < float(error.got.split()[0]) < 3.5
        assert place.part() == b""


@pytest.mark.parametrize("length", ["²", "9" * 5000, "-1", "3000, 3000"])
def test_a_length_that_is_none_counts_for_nothing(place, length):
    with speaking(lambda _: [head(Content_Length=length), CONTENT]) as server:
        assert place.fetch(server.url) == CONTENT


@pytest.mark.parametrize("body", [lambda: dripping(bytes(10**6)), endless], ids=["dripping", "endless"])
def test_pictures_from_addresses_have_the_same_limits(body, monkeypatch):
    monkeypatch.setattr("sceneparse.predict.web_picture.MOST_BYTES", 10**6)
    with speaking(lambda _: itertools.chain([head()], body())) as server, pytest.raises(InputError) as error:
        download(server.url)
    assert "bytes" in error.value.got
    monkeypatch.setattr(receiving, "ANSWER_S", 0.25)
    with speaking(lambda _: dripping(WHOLE)) as server, pytest.raises(InputError, match="no whole answer"):
        download(server.url)
