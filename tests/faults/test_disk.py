"""Disks that are full, read-only or forbidden: an error with file, space and next step, and the old output whole."""

import errno
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from disks import small_disk
from PIL import Image

from sceneparse.core import disk_space
from sceneparse.core.disk_space import check_space
from sceneparse.core.errors import InputError, TransientError
from sceneparse.core.file_errors import KINDS, file_error, files_understood
from sceneparse.core.files import add_member, atomic_directory, atomic_write, write_text

ROOT = Path(__file__).parents[2]
LARGE = bytes(2_000_000)
PASSES = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EBUSY, errno.ETXTBSY}


@pytest.mark.parametrize("number", KINDS, ids=errno.errorcode.get)
def test_each_error_of_the_system_says_what_to_do(number, tmp_path):
    """Each names the file and comes through a pickle; only what passes is to be tried again."""
    error = file_error(pickle.loads(pickle.dumps(OSError(number, os.strerror(number), str(tmp_path / "a")))))  # noqa: S301 - our own bytes
    assert type(error) is (TransientError if number in PASSES else InputError)
    assert error.file == str(tmp_path / "a")
    assert error.got.startswith(os.strerror(number))
    assert ("MB free" in error.got or "GB free" in error.got) == (number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    "error",
    [
        ValueError("No space left on device"),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        OSError("cannot identify image file"),
        KeyError("errno"),
        InputError("p", expected="e", got="g", file="f", next_step="n"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_stay_as_they_are(error):
    with pytest.raises(type(error)) as caught, files_understood():
        raise error
    assert caught.value is error


def test_hdf5_names_errors_in_its_text():
    """Errors of closing a file are no OSErrors."""
    with pytest.raises(TransientError) as error, files_understood():
        raise RuntimeError("Can't decrement id ref count (file write failed: filename = '/a/b.h5', errno = 28, ...)")
    assert error.value.file == "/a/b.h5"


def test_an_odd_name_is_an_error_of_its_file():
    with pytest.raises(InputError) as error, files_understood():
        Path("x" * 999).read_bytes()
    assert (error.value.file, error.value.got) == ("x" * 999, os.strerror(errno.ENAMETOOLONG))


def fail(number):
    raise OSError(number, os.strerror(number), "a")


@pytest.mark.parametrize(("number", "passes"), [(errno.ENOSPC, True), (errno.EMFILE, True), (errno.ENOENT, False)])
def test_a_refusal_that_a_full_disk_caused_can_be_tried_again(number, passes):
    """Code that catches OSError and raises InputError need not know which ones pass."""

    def refuse():
        try:
            fail(number)
        except OSError:
            raise InputError("p", expected="e", got="g", file="f", next_step="n") from None

    with pytest.raises(InputError) as error, files_understood():
        refuse()
    assert type(error.value) is (TransientError if passes else InputError)
    assert error.value.file == ("a" if passes else "f")


def with_atomic_write(path):
    with atomic_write(path) as file:
        file.write(LARGE)


def with_zip(path):
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        add_member(archive, "a", LARGE)


def with_savez(path):
    with atomic_directory(path) as folder:
        np.savez(folder / "a.npz", a=np.frombuffer(LARGE, np.uint8))


def with_hdf5(path):
    with h5py.File(path, "w") as file:
        file["a"] = np.frombuffer(LARGE, np.uint8)


def with_copytree(path):
    shutil.copytree(ROOT / "tests", path)


def with_picture(path):
    with atomic_directory(path) as folder:
        Image.effect_noise((1500, 1500), 80).save(folder / "a.png")


def with_tensorflow(path):
    import tensorflow as tf

    tf.io.write_file(str(path), LARGE)


WRITERS = [with_atomic_write, with_zip, with_savez, with_hdf5, with_copytree, with_picture]
WRITERS += [pytest.param(with_tensorflow, marks=pytest.mark.slow)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of files that cannot be closed
@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_whatever_writes(write, tmp_path):
    with small_disk(tmp_path, size="1m") as disk, pytest.raises(TransientError) as error, files_understood():
        write(disk.path / "out")
    assert error.value.problem == KINDS[errno.ENOSPC].problem
    assert error.value.file.startswith(str(disk.path / "out"))
    assert error.value.got.endswith("MB free")


def test_a_full_table_of_files_is_told_apart(tmp_path):
    with small_disk(tmp_path, size="1m", nr_inodes=2) as disk:
        write_text(disk.path / "a", "")
        with pytest.raises(TransientError) as error, files_understood():
            write_text(disk.path / "b", "")
    assert "df -i" in error.value.got


def test_a_failed_write_leaves_the_old_content_and_nothing_else(tmp_path):
    with small_disk(tmp_path, size="1m") as disk:
        write_text(disk.path / "file", "old")
        with atomic_directory(disk.path / "folder") as folder:
            (folder / "a").write_text("old")
        for write, name in ((with_atomic_write, "file"), (with_savez, "folder")):
            with pytest.raises(OSError, match="No space left"):
                write(disk.path / name)
        assert sorted(path.name for path in disk.path.iterdir()) == ["file", "folder"]
        assert (disk.path / "file").read_text() == (disk.path / "folder/a").read_text() == "old"


def test_space_is_checked_with_need_and_free_named(tmp_path):
    with small_disk(tmp_path, size="1m") as disk:
        check_space(disk.path / "not/there", 1 << 20)
        with pytest.raises(TransientError):
            check_space(disk.path, 1, spare=1 << 20)
        with pytest.raises(TransientError) as error:
            check_space(disk.path / "not/there", 3_000_000, spare=1_000_000)
    assert error.value.expected == "3.0 MB for this file or folder, and 1.0 MB that stay free"
    assert error.value.got == "1.0 MB free"
    assert error.value.next_step.startswith("free 3.0 MB")
    assert disk_space.size_text(2.5e9) == "2.50 GB"
