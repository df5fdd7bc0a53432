"""Files appear whole or not at all, also when the writer raises or is killed."""

import hashlib
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from sceneparse.core.files import (
    atomic_directory,
    atomic_write,
    file_digest,
    matches_digest,
    write_json,
    write_text,
)


def write_and_raise(write):
    write()
    raise ZeroDivisionError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new/folder/file"
    with atomic_write(path) as file:
        file.write(b"con")
        assert not path.exists()
        file.write(b"tent")
    assert path.read_bytes() == b"content"
    assert names(path.parent) == ["file"]


def test_who_reads_the_old_file_reads_it_to_its_end(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"the old content")
    with path.open("rb") as reader:
        write_text(path, "new")
        assert reader.read() == b"the old content"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_block_that_raises_changes_nothing(tmp_path, before):
    path = tmp_path / "file"
    if before:
        path.write_bytes(before)
    with pytest.raises(ZeroDivisionError), atomic_write(path) as file:
        write_and_raise(partial(file.write, b"new"))
    assert names(tmp_path) == (["file"] if before else [])
    assert not before or path.read_bytes() == before


def test_a_directory_takes_the_old_one_s_place(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with atomic_directory(path) as directory:
        (directory / "new").touch()
        assert names(path) == ["old"]
    assert names(path) == ["new"]
    assert names(tmp_path) == ["folder"]


def test_a_directory_is_given_empty_whatever_a_killed_writer_left(tmp_path):
    for leftover in (".folder.partial", ".folder.old"):
        (tmp_path / leftover).mkdir()
        (tmp_path / leftover / "leftover").touch()
    with atomic_directory(tmp_path / "folder") as directory:
        assert names(directory) == []
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("existed", [False, True])
def test_a_directory_is_not_replaced_when_the_block_raises(tmp_path, existed):
    path = tmp_path / "folder"
    if existed:
        path.mkdir()
        (path / "old").touch()
    with pytest.raises(ZeroDivisionError), atomic_directory(path) as directory:
        write_and_raise((directory / "new").touch)
    assert names(tmp_path) == (["folder"] if existed else [])
    assert not existed or names(path) == ["old"]


KILLED = """
import os, signal, sys
from pathlib import Path
from sceneparse.core.files import atomic_directory, atomic_write

file, folder = Path(sys.argv[1]), Path(sys.argv[2])
with atomic_write(file) as out, atomic_directory(folder) as directory:
    out.write(b"new" * 1_000_000)
    out.flush()
    (directory / "new").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_the_old_content(tmp_path, root):
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_bytes(b"old")
    folder.mkdir()
    (folder / "old").touch()
    done = subprocess.run([sys.executable, "-c", KILLED, file, folder], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    assert file.read_bytes() == b"old"
    assert names(folder) == ["old"]
    # The next writer clears what the killed one left.
    write_text(file, "new")
    with atomic_directory(folder):
        pass
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("ending", [OSError, SystemExit])
def test_a_directory_that_cannot_be_exchanged_is_put_back(tmp_path, monkeypatch, ending):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").touch()

    def replace(*_):
        raise ending  # as a signal does, between the two renames

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(ending), atomic_directory(folder):
            pass
    assert names(tmp_path) == ["folder"]
    assert names(folder) == ["old"]

    folder.rename(tmp_path / ".folder.old")  # as `kill -9` leaves it there
    with pytest.raises(ZeroDivisionError), atomic_directory(folder):
        raise ZeroDivisionError
    assert names(tmp_path) == ["folder"]
    assert names(folder) == ["old"]


KILLED_IN_EXCHANGE = """
import os, shutil, signal, sys
from pathlib import Path
from sceneparse.core import files

remove = shutil.rmtree

def removed_in_part(path, **options):
    content = sorted(Path(path).glob("*"))
    if "old 0" in [file.name for file in content]:
        content[0].unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    remove(path, **options)

shutil.rmtree = removed_in_part
with files.atomic_directory(Path(sys.argv[1])) as directory:
    (directory / "new").touch()
"""


def test_a_writer_killed_as_it_removes_the_old_directory_leaves_no_mixture(tmp_path, root):
    folder = tmp_path / "folder"
    folder.mkdir()
    for index in range(3):
        (folder / f"old {index}").touch()
    done = subprocess.run([sys.executable, "-c", KILLED_IN_EXCHANGE, folder], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    assert names(folder) == ["new"]


def test_json_is_strict_and_readable(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"name": "Bäume", "value": 0.1})
    text = path.read_text(encoding="utf-8")
    assert text == '{\n  "name": "Bäume",\n  "value": 0.1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"value": float("nan")})
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_digests_cover_the_whole_file(tmp_path, algorithm):
    path = tmp_path / "file"
    content = os.urandom(300_000)
    path.write_bytes(content)
    digest = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    assert file_digest(path, algorithm) == digest
    assert matches_digest(path, digest)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert not matches_digest(path, digest)
