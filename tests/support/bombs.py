"""Zips written by hand: small files with members that inflate to gigabytes of zeros, and headers that lie."""

import bz2
import lzma
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14  # compression methods of zips
MEGABYTE = 1 << 20


class Member(NamedTuple):
    """A member as it lies in the zip: `size` and `crc` are what its header says."""

    content: bytes  # compressed
    method: int
    size: int
    crc: int


def stored(content: bytes) -> Member:
    return Member(content, STORED, len(content), zlib.crc32(content))


def zeros(megabytes: int, method: int = DEFLATED, says: int | None = None) -> Member:
    """Return so many megabytes of zeros, a thousandth of that compressed; `says`: a size that the header lies."""
    size, crc = megabytes * MEGABYTE, 0
    for _ in range(megabytes):
        crc = zlib.crc32(bytes(MEGABYTE), crc)
    if method == DEFLATED:
        deflate = zlib.compressobj(9, wbits=-15)
        block = deflate.compress(bytes(MEGABYTE)) + deflate.flush(zlib.Z_FULL_FLUSH)  # blocks do not know each other
        content = block * megabytes + zlib.compressobj(wbits=-15).flush()
    elif method == BZIP2:
        content = bz2.compress(bytes(size))
    else:
        filters = [{"id": lzma.FILTER_LZMA1, "preset": 0}]
        properties = lzma._encode_filter_properties(filters[0])
        content = struct.pack("<BBH", 9, 4, len(properties)) + properties
        content += lzma.compress(bytes(size), lzma.FORMAT_RAW, filters=filters)
    return Member(content, method, size if says is None else says, crc)


def write_zip(path: Path, members: dict[str, Member], comment: bytes = b"") -> Path:
    """Write the members; sizes of four gigabytes and more do not fit."""
    directory = b""
    with path.open("wb") as file:
        for name, (content, method, size, crc) in members.items():
            fields = struct.pack("<HHHHHIIIHH", 63, 0x800, method, 0, 0x21, crc, len(content), size, len(name), 0)
            directory += b"PK\1\2" + struct.pack("<H", 63) + fields
            directory += struct.pack("<HHHII", 0, 0, 0, 0, file.tell()) + name.encode()
            file.write(b"PK\3\4" + fields + name.encode() + content)
        place = file.tell()
        file.write(directory)
        counts = 0, 0, len(members), len(members), len(directory), place, len(comment)
        file.write(b"PK\5\6" + struct.pack("<HHHHIIH", *counts) + comment)
    return path
