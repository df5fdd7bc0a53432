"""Formats of pictures, and where they are opened: no decoder runs but those that the docs promise."""

import ast
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from command import ENVIRONMENT
from datasets import encoded
from doors import Doors
from mutations import whole_pictures
from photos import picture
from PIL import Image

from sceneparse.convert.inspection import inspect
from sceneparse.core.errors import InputError
from sceneparse.dataset.picture_formats import FORMATS, LOSSLESS, open_picture

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("format", FORMATS)
def test_whole_pictures_of_every_format_are_read(format):
    for content in whole_pictures(format):
        assert sorted(open_picture(content).size) == [40, 60]


def test_no_decoder_starts_another_program(tmp_path, monkeypatch):
    """Pillow hands PostScript to Ghostscript, if it is asked to open it."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/gs"
    program.write_text(f"#!/bin/sh\necho started >> {tmp_path / 'log'}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    content = encoded(picture(), "EPS")
    doors = Doors(tmp_path, ".jpg", content, (60, 40))
    (problem,) = doors.prepare().problems
    assert "PostScript" in problem
    assert [finding.kind for finding in inspect(doors.dataset, 1).findings].count("image_unreadable") == 2
    for door in (doors.evaluate, doors.predict, doors.submit, partial(doors.export, monkeypatch)):
        with pytest.raises(InputError):
            door()
    with pytest.raises(ValueError, match="PostScript"):
        doors.web()
    with pytest.raises(InputError, match="PostScript"):
        doors.convert(monkeypatch)
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("format", ["BLP", "DDS", "ICO", "PCX", "QOI", "SGI", "ICNS", "JPEG2000", "PPM"])
def test_another_format_is_named(format):
    content = encoded(picture("P" if format == "BLP" else "RGB").resize((64, 64)), format)
    with pytest.raises(ValueError, match=rf"^{format[:4]}.*, which is not read here: save it as JPEG or PNG$"):
        open_picture(content)
    with pytest.raises(ValueError, match=r"^WEBP, which is not read here: save it as PNG$"):
        open_picture(whole_pictures("WEBP")[0], formats=LOSSLESS)


TIGHT = """
import resource, sys
from sceneparse.dataset.photos import decode
content = sys.stdin.buffer.read()
with open("/proc/self/statm") as file:
    now = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (60 << 20),) * 2)
try:
    decode(content)
except ValueError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit a process's memory")
def test_a_picture_that_needs_more_memory_than_there_is_is_refused():
    content = encoded(Image.new("1", (6_000, 6_000)), "PNG")  # 108 MB as RGB
    words = [sys.executable, "-c", TIGHT]
    done = subprocess.run(words, input=content, env=ENVIRONMENT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"memory" in done.stdout


def opens_pictures(tree):
    """Yield the calls of Image.open, whatever they are called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "PIL.Image":
            assert "open" not in {alias.name for alias in node.names}, "write Image.open, which a test finds"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "open":
            owner = node.func.value
            if "Image" in (getattr(owner, "id", ""), getattr(owner, "attr", "")):
                yield node


def test_pictures_are_opened_in_one_place_and_of_given_formats():
    calls = [
        (str(file.relative_to(ROOT)), {keyword.arg for keyword in call.keywords})
        for folder in ("sceneparse", "stages", "pipeline", "benchmarks", "docs")
        for file in sorted((ROOT / folder).rglob("*.py"))
        if "Image" in (text := file.read_text())
        for call in opens_pictures(ast.parse(text))
    ]
    assert [name for name, keywords in calls if "formats" not in keywords] == []
    ours = [name for name, _ in calls if not name.startswith(("benchmarks", "docs"))]
    assert ours == ["sceneparse/dataset/picture_formats.py"]
    assert {*LOSSLESS} < {*FORMATS}
