"""Check of an HDF5 file from elsewhere: nothing in it leads out of the file, in a circle, or to more than it holds.

HDF5 itself follows links into other files, takes a dataset's bytes from any file that it names, fills what a dataset
declares but does not hold, and joins groups in circles.
"""

import math
from typing import Any, NoReturn

import h5py

from sceneparse.core.errors import shortened

MOST_OBJECTS, MOST_LEVELS = 10_000, 16  # VGG19's weights have about a hundred in 4
LINKS = {h5py.SoftLink: "a soft link", h5py.ExternalLink: "an external link"}
NUMBERS = "fiu"  # kinds of NumPy's types: floats, integers, unsigned integers


def check_plain(file: Any, size: int) -> None:
    """Check an open h5py.File of `size` bytes before its datasets are read.

    Raises ValueError, which names the first link, loop, dataset or other object that is not plain; TypeError for a
    link of an unknown kind; and OSError, RuntimeError or KeyError where the file is damaged.
    """
    found, groups, left = {_address(file)}, [(file, "", 1)], size
    while groups:
        group, above, level = groups.pop()
        for key in group:
            name = f"{above}/{key}"
            if (link := type(group.get(key, getlink=True))) in LINKS:
                _refuse(name, LINKS[link])
            item = group[key]
            if _address(item) in found:
                _refuse(name, "a second name of another object, or a loop")
            found.add(_address(item))
            if len(found) > MOST_OBJECTS or level > MOST_LEVELS:
                _refuse(name, f"more than {MOST_OBJECTS:,} objects, or {MOST_LEVELS} levels")
            if isinstance(item, h5py.Group):
                groups.append((item, name, level + 1))
            else:
                left -= _dataset_bytes(item, name, left)


def _dataset_bytes(item: Any, name: str, left: int) -> int:
    """Return the bytes of a dataset. Raises ValueError if it is not plain, or has more than are `left` in the file."""
    if not isinstance(item, h5py.Dataset) or item.shape is None:
        _refuse(name, "no array")
    if item.external or item.is_virtual:
        _refuse(name, "an array whose numbers are in other files or datasets")
    if item.dtype.kind not in NUMBERS:
        _refuse(name, f"an array of {shortened(str(item.dtype))}, not of numbers")
    declared = math.prod(item.shape) * item.dtype.itemsize
    if declared > min(left, item.id.get_storage_size()):
        _refuse(name, f"an array of {item.shape}, {declared:,} bytes, which the file does not hold")
    return int(declared)


def _address(item: Any) -> int:
    """Return a number that tells objects of a file apart."""
    return int(h5py.h5o.get_info(item.id).addr)


def _refuse(name: str, fault: str) -> NoReturn:
    raise ValueError(f"{shortened(name)}: {fault}")
