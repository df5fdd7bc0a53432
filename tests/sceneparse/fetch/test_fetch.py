"""Downloads from a real server on loopback: what is sent again, what is refused, what is left behind."""

import errno
import hashlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from servers import Served, proxying, serving

from sceneparse.core.errors import InputError, TransientError
from sceneparse.fetch import receiving, transfer
from sceneparse.fetch.pinned import copy, fetch
from sceneparse.predict.web_picture import download

CONTENT = hashlib.shake_256(b"").digest(400_000)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
KEPT = SHA256.replace(":", "-")
WRONG = f"sha256:{'0' * 64}"
BROKE_AT = 150_000


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(transfer, "BACKOFF_S", 0)
    monkeypatch.setattr(receiving, "CHUNK", 1000)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def served():
    with serving(CONTENT) as served:
        yield served


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def shown(served):
    """The server's address as logs and errors have it."""
    return served.url.partition("?")[0] + "?…"


class Place:
    def __init__(self, folder: Path) -> None:
        self.cache, self.target = folder / "cache", folder / "out" / "data.zip"

    def fetch(self, source: str, digest: str | None = SHA256, size_bytes: int | None = None, content=CONTENT) -> None:
        """Fetch, and check what is in the target then."""
        fetch(source, self.target, digest=digest, size_bytes=size_bytes, cache=self.cache, pin="mine.yaml")
        assert self.target.read_bytes() == content

    def refused(self, source: str, **pinned) -> InputError:
        with pytest.raises(InputError) as error:
            self.fetch(source, **pinned)
        assert not self.target.exists()
        return error.value

    def part_file(self) -> Path:
        (part,) = self.cache.glob("*.part")
        return part

    def cached(self) -> set[str]:
        """Return the names of the cache's files, except locks."""
        return {path.name for path in self.cache.iterdir() if path.suffix != ".lock"}

    def break_off(self, served: Served, **pinned) -> int:
        """Let a run fail in mid-download; return the number of bytes left in the cache."""
        served.drops, served.down_after_drops = [BROKE_AT], True
        self.refused(served.url, **pinned)
        served.status = None
        served.log.clear()
        return len(self.part_file().read_bytes())


def test_download_is_whole_in_its_place_and_nothing_else_is_written(served, place, tmp_path):
    place.target.parent.mkdir()
    place.target.write_bytes(b"old")
    place.fetch(served.url, size_bytes=len(CONTENT))
    assert place.cached() == {KEPT}
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "out"}
    assert [path.name for path in place.target.parent.iterdir()] == ["data.zip"]


@pytest.mark.parametrize("digest", [SHA256, f"md5:{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}"])
def test_target_with_the_pinned_digest_is_kept_without_network(served, place, digest):
    place.target.parent.mkdir()
    place.target.write_bytes(CONTENT)
    place.fetch(served.url, digest=digest)
    assert served.log == []


def test_an_addresss_password_and_signature_are_nowhere_but_in_the_request(served, place, caplog):
    """Logs and errors go to Prefect's server and to a webhook, and a lock stays in the folder."""
    secret = served.url.replace("//", "//me:pass-9@") + "&X-Signature=key-9"
    with caplog.at_level(logging.INFO):
        errors = [
            place.refused(secret, **pinned) for pinned in ({"digest": None}, {"digest": WRONG}, {"size_bytes": 9})
        ]
        served.status = 404
        errors.append(place.refused(secret))
        served.status = 503
        errors.append(place.refused(secret))
        served.status = None
        place.fetch(secret)
    told = [caplog.text, *map(str, errors), *(lock.read_text() for lock in place.cache.glob("*.lock"))]
    assert not any("pass-9" in text or "key-9" in text for text in told)
    assert [error.file for error in errors] == [shown(served)] * 5
    assert f"fetching {shown(served)}\n" in caplog.text


def test_broken_connections_are_resumed(served, place):
    served.drops = [100_000] * 3
    place.fetch(served.url)
    starts = [0, *(int(sent.removeprefix("bytes=").removesuffix("-")) for sent, _, _ in served.log[1:])]
    assert [(start + 500) // 1000 for start in starts] == [0, 100, 200, 300]
    assert {version for _, version, _ in served.log[1:]} == {'"v1"'}
    assert sum(sent for *_, sent in served.log) < len(CONTENT) + 4 * receiving.CHUNK


@pytest.mark.parametrize(
    ("etag", "modified", "named"),
    [
        ('"v1"', "Sat, 01 Jan 2000 00:00:00 GMT", '"v1"'),
        ('W/"v1"', "Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"),
        (None, None, None),
    ],
)
def test_a_later_run_fetches_only_the_rest(served, place, etag, modified, named):
    served.etag, served.modified = etag, modified
    left = place.break_off(served)
    assert place.part_file().read_bytes() == CONTENT[:left]
    assert left > BROKE_AT - 2 * receiving.CHUNK
    place.fetch(served.url)
    assert served.log == [(f"bytes={left}-", named, len(CONTENT) - left)]
    assert place.cached() == {KEPT}


def test_without_digest_and_version_nothing_is_resumed(served, place):
    served.etag = None
    place.break_off(served, digest=None)
    assert SHA256 in place.refused(served.url, digest=None).got
    assert served.log == [(None, None, len(CONTENT))]


def test_kill_in_mid_download_then_a_rerun_fetches_only_the_rest(served, place):
    served.stalls_after = BROKE_AT
    code = (
        "import sys; from pathlib import Path; from sceneparse.fetch.pinned import fetch; "
        "fetch(sys.argv[1], Path(sys.argv[2]), digest=sys.argv[3], size_bytes=None, cache=Path(sys.argv[4]), pin='')"
    )
    arguments = [served.url, place.target, SHA256, place.cache]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    child = subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, stderr=subprocess.DEVNULL)
    enough = BROKE_AT - 2 * (1 << 16)
    until = time.monotonic() + 180
    while not any(part.stat().st_size >= enough for part in place.cache.glob("*.part")):
        assert child.poll() is None, "the download ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.02)
    assert "another process" in place.refused(served.url).problem
    child.send_signal(signal.SIGKILL)
    child.wait()
    served.stalls_after = None
    served.freed.set()
    served.log.clear()
    left = len(place.part_file().read_bytes())
    assert place.part_file().read_bytes() == CONTENT[:left]
    place.fetch(served.url)
    assert served.log == [(f"bytes={left}-", '"v1"', len(CONTENT) - left)]


def test_stopped_between_the_last_byte_and_the_end_only_asks(served, place):
    place.break_off(served)
    place.part_file().write_bytes(CONTENT)
    place.fetch(served.url)
    assert served.log == [(f"bytes={len(CONTENT)}-", '"v1"', 0)]


@pytest.mark.parametrize(
    "change",
    [
        {"etag": '"v2"'},
        {"etag": '"v2"', "heeds_if_range": False},
        {"ranges": False},
        {"shift": 1},
        {"content": CONTENT[:1000], "etag": '"v2"', "heeds_if_range": False},
    ],
    ids=["other version", "other version, If-Range not heeded", "no ranges", "wrong range", "shorter than the part"],
)
def test_what_cannot_be_resumed_starts_over(served, place, change):
    place.break_off(served)
    for name, value in change.items():
        setattr(served, name, value)
    if "etag" in change:
        served.content = bytes(reversed(served.content))
    digest = f"sha256:{hashlib.sha256(served.content).hexdigest()}"
    place.fetch(served.url, digest=digest, content=served.content)
    assert served.log[-1][2] == len(served.content)


def test_server_that_drops_and_knows_no_ranges_is_given_up(served, place):
    served.ranges, served.drops = False, [100_000] * 99
    error = place.refused(served.url)
    assert isinstance(error, TransientError)
    assert "300000 bytes early" in error.got
    assert len(served.log) == transfer.TRIES + 1
    served.claims_length = False
    assert "100000 of 400000" in place.refused(served.url, size_bytes=len(CONTENT)).got, "the pinned size tells"


def test_redirects_are_followed_and_trouble_that_passes_is_waited_out(served, place):
    served.statuses = [503, 429, 502]
    place.fetch(served.url.partition("/..")[0] + "/moved")


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (204, 1), (206, 1), (500, transfer.TRIES)])
def test_refusal_names_the_status(served, place, status, asked):
    served.status = status
    error = place.refused(served.url)
    assert f"HTTP {status}" in error.got
    assert error.file == shown(served)
    assert len(served.log) == asked


def test_what_cannot_be_received(served, place):
    served.encoding = "gzip"
    assert "encoding gzip" in place.refused(served.url).got
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert "refused" in place.refused(f"http://127.0.0.1:{closed.getsockname()[1]}/x").got


def test_wrong_digest_names_both_and_leaves_nothing(served, place):
    error = place.refused(served.url, digest=WRONG)
    assert error.expected == WRONG
    assert error.got.startswith(SHA256)
    assert error.file == shown(served)
    assert place.cached() == set()


def test_digest_covers_what_an_earlier_run_left(served, place):
    left = place.break_off(served)
    place.part_file().write_bytes(b"x" + CONTENT[1:left])
    assert place.refused(served.url).expected == SHA256
    assert place.cached() == set()
    place.fetch(served.url)


def test_without_a_digest_names_the_one_to_pin_and_downloads_once(served, place):
    for _ in range(2):
        assert SHA256 in place.refused(served.url, digest=None).got
    place.fetch(served.url)
    assert len(served.log) == 1


def test_finished_file_in_the_cache_is_hashed_again(served, place):
    place.refused(served.url, digest=None)
    (whole,) = (path for path in place.cache.iterdir() if not path.suffix)
    whole.write_bytes(CONTENT[:-1] + b"x")
    assert place.refused(served.url).expected == SHA256
    assert place.cached() == set()
    place.fetch(served.url)


@pytest.mark.parametrize("claims_length", [True, False])
def test_other_size_than_the_pinned_one(served, place, claims_length):
    served.claims_length = claims_length
    error = place.refused(served.url, size_bytes=1000)
    assert error.expected == "1000 bytes"
    if claims_length:
        assert error.got == "400000 bytes"
        assert place.part_file().read_bytes() == b"", "a body of the wrong size is not downloaded"
    else:
        assert len(place.part_file().read_bytes()) <= 1000 + receiving.CHUNK


def test_a_removed_target_comes_back_without_network(served, place):
    """DVC removes a stage's output before the stage reruns."""
    place.fetch(served.url)
    assert place.target.samefile(place.cache / KEPT), "the copy takes no space"
    place.target.unlink()
    place.fetch(served.url.replace("data.zip", "mirror.zip"))
    assert len(served.log) == 1
    place.target.unlink()
    (place.cache / KEPT).write_bytes(CONTENT[:-1] + b"x")
    place.fetch(served.url)
    assert len(served.log) == 2, "a damaged file is fetched again"
    assert (place.cache / KEPT).read_bytes() == CONTENT


def test_cache_on_another_file_system(served, place, monkeypatch):
    def across(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", across)
    place.fetch(served.url)
    assert not place.target.samefile(place.cache / KEPT)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_only_other_machines_are_asked_through_the_proxy(place, served, monkeypatch, variable):
    monkeypatch.delenv("NO_PROXY")
    with proxying(CONTENT) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        place.fetch(served.url, digest=SHA256)
        assert proxy.asked == []
        place.target.unlink()
        (place.cache / KEPT).unlink()
        place.fetch("http://data.example/d.zip", digest=SHA256)
        assert proxy.asked == ["http://data.example/d.zip"]
        assert download(served.url) == CONTENT
        assert download("http://data.example/photo.jpg") == CONTENT
        assert proxy.asked[1:] == ["http://data.example/photo.jpg"]


def test_a_local_file_is_copied_whole_or_not_at_all(tmp_path):
    (tmp_path / "my data.zip").write_bytes(CONTENT)
    target = tmp_path / "out/data.zip"
    copy(tmp_path / "my data.zip", target)
    assert target.read_bytes() == CONTENT
    for source in (tmp_path / "absent.zip", tmp_path):
        with pytest.raises(InputError, match=r"No such file|directory"):
            copy(source, target)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
