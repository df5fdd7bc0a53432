"""A small disk: a file system in memory, in a mount namespace of its own that ends with the block."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

MOUNT = 'mount -t tmpfs -o "$1" tmpfs "$0" && echo mounted && while read -r words; do mount $words "$0"; echo; done'


class Disk:
    """Disk at `path`, seen from here. Commands that resolve paths, as DVC does, see it at `inside`, after `enter`."""

    def __init__(self, holder: subprocess.Popen[str], inside: Path) -> None:
        self._holder = holder
        self.inside, self.path = inside, Path(f"/proc/{holder.pid}/root{inside}")
        self.enter = ["nsenter", "--target", str(holder.pid), "--user", "--mount", "--preserve-credentials", "--"]

    def fill(self, leave: int = 0) -> None:
        """Fill the disk but for `leave` bytes."""
        with (self.path / "filler").open("ab", buffering=0) as file:
            with suppress(OSError):
                while file.write(bytes(1 << 16)):
                    pass
            file.truncate(file.tell() - leave)

    def clear(self) -> None:
        """Remove what fills the disk."""
        (self.path / "filler").unlink()

    def read_only(self) -> None:
        """Mount the disk again, to be read only."""
        self._holder.stdin.write("-o remount,ro\n")
        self._holder.stdin.flush()
        self._holder.stdout.readline()


@contextmanager
def small_disk(folder: Path, **options: object) -> Iterator[Disk]:
    """Mount a disk at a new folder; options are tmpfs's: size="2m", nr_inodes=40. Skips where that is not allowed."""
    inside = folder / "disk"
    inside.mkdir()
    words = ["unshare", "-rm", "sh", "-c", MOUNT, inside, ",".join(f"{key}={value}" for key, value in options.items())]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    try:
        holder = subprocess.Popen(words, text=True, **pipes)
    except FileNotFoundError:
        pytest.skip("there is no unshare on this machine, to mount a small disk with")
    with holder:
        if holder.stdout.readline() != "mounted\n":
            pytest.skip(f"this machine lets nobody mount a small disk: {holder.communicate()[1]}")
        disk = Disk(holder, inside)
        if not os.access(disk.path, os.W_OK):
            pytest.skip("this user cannot reach into a mount namespace of its own")
        try:
            yield disk
        finally:
            holder.stdin.close()
