"""Members of a model file, a zip that Keras defines: bounded before they are parsed, and read in place.

Input: the path of a .keras file. Output: a member's JSON, or its weights as an open HDF5 file. Invariant: the zip has
Keras's three members, each once and none compressed, as save_model writes it, so all that they hold is in the file.
"""

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sceneparse.core.documents import parse_json
from sceneparse.core.errors import few
from sceneparse.core.zip_reading import check_stored, read_member, zip_errors

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MOST_BYTES = 1 << 20  # of a member's JSON; config.json of FCN-8s has 30,000
LOCAL_HEADER = struct.Struct("<26xHH")  # of a zip's member, up to the lengths of the name and the extra field


def read_json(model: Path, name: str) -> Any:
    """Return the content of a JSON member. Raises OSError, and ValueError for damage of any kind."""
    with _opened(model) as archive:
        try:
            return parse_json(read_member(archive, name, MOST_BYTES))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


@contextmanager
def weights_file(model: Path) -> Iterator[tuple[Any, int]]:
    """Open the weights as an h5py.File, and yield it with its size in bytes. Raises OSError and ValueError."""
    import h5py

    with _opened(model) as archive, model.open("rb") as file:
        info = archive.getinfo(WEIGHTS)
        file.seek(info.header_offset)
        lengths = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        start = info.header_offset + LOCAL_HEADER.size + sum(lengths)
        with h5py.File(_Part(file, start, info.file_size), "r") as weights:
            yield weights, info.file_size


@contextmanager
def _opened(model: Path) -> Iterator[zipfile.ZipFile]:
    check_stored(model)
    with zip_errors(), zipfile.ZipFile(model) as archive:
        names = sorted(archive.namelist())
        if names != [CONFIG, METADATA, WEIGHTS]:
            raise ValueError(f"a zip of {', '.join(few(names)) or 'nothing'}")
        yield archive


class _Part(io.RawIOBase):
    """Bytes start..start + size of an open file, as a file to read. (zipfile's own reads all before a place again.)"""

    def __init__(self, file: io.BufferedIOBase, start: int, size: int) -> None:
        self._file, self._start, self._size, self._place = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = memoryview(buffer)[: max(0, self._size - self._place)]
        self._file.seek(self._start + self._place)
        count = self._file.readinto(wanted)
        self._place += count
        return count
