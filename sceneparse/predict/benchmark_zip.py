"""The benchmark's test pictures, read straight from release_test.zip.

Input: a zip of pictures in a folder `testing/`, below folders of any names, and perhaps list.txt, a name a line.
Output: names, sizes and pixels. Invariant: a name belongs to one picture, and the list, if there is one, names exactly
the pictures, so a zip that lost some is refused.
"""

from pathlib import Path, PurePosixPath
from typing import Self

import numpy as np

from sceneparse.core.errors import InputError
from sceneparse.dataset.archive import Dataset
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.layout import IMAGE_SUFFIXES
from sceneparse.dataset.photos import decode_as_stored, picture_sizes

FOLDER, LIST = "testing", "list.txt"


class Release:
    """The open zip, to use as a context manager. Raises InputError if it has no test pictures."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = Dataset(path)
        except InputError as error:
            raise self._refusal(error.got) from None
        members = {PurePosixPath(name): name for name in self._zip.members}
        pictures = [path for path in members if path.parent.name == FOLDER and path.suffix.lower() in IMAGE_SUFFIXES]
        self._members = {path.stem: members[path] for path in pictures}
        self.names = sorted(self._members)  # without suffix
        if not pictures or len(self.names) != len(pictures):
            raise self._refusal(f"{len(pictures)} pictures of {len(self.names)} names")
        for listing in (path for path in members if path.name == LIST):
            lines = self._read(members[listing]).decode().split("\n")
            listed = {PurePosixPath(line.strip()).stem for line in lines} - {""}
            if wrong := sorted(listed ^ {*self.names}):
                raise self._refusal(f"{len(wrong)} that only one of pictures and {LIST} has: {', '.join(wrong[:5])}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.__exit__(*error)

    def picture(self, name: str) -> Pixels:
        """Return RGB, uint8 [H, W, 3], as stored: the server compares with masks as stored. Raises InputError."""
        content = self._read(self._members[name])
        try:
            return np.asarray(decode_as_stored(content).image)
        except ValueError as error:
            raise self._refusal(f"{self._members[name]}: {error}") from None

    def size(self, name: str) -> tuple[int, int]:
        """Return width and height, as stored. Raises InputError."""
        content = self._read(self._members[name])
        try:
            return picture_sizes(content).stored
        except ValueError as error:
            raise self._refusal(f"{self._members[name]}: {error}") from None

    def _read(self, member: str) -> bytes:
        try:
            return self._zip.content(member)
        except ValueError as error:
            raise self._refusal(f"{member}: {error}") from None

    def _refusal(self, got: str) -> InputError:
        return InputError(
            "the test pictures cannot be read",
            expected=f"the benchmark's release_test.zip: {FOLDER}/NAME.jpg, and {LIST} if there is one",
            got=got,
            file=self.path,
            next_step="download it from the benchmark's page again",
        )
