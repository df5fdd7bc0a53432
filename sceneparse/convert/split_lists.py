"""Lists of a split's pictures, in the forms that datasets come with -> names, each as what it may stand for.

Text, a picture a line: a name or a path, alone or before a mask's path or other columns (as in Oxford Pets); lines
that begin with # are comments. Or JSON: COCO's instances of the split, or a list of names.
"""

import csv
import json
import re
import unicodedata
from pathlib import Path, PurePosixPath

from sceneparse.convert.class_lists import decode
from sceneparse.convert.picture_files import IMAGES

DELIMITERS = ",;\t "
SUFFIXED = re.compile(rf"(.+?(?:{'|'.join(map(re.escape, IMAGES))}))(?=[\s,;]|$)", re.IGNORECASE)


def read_list(path: Path) -> list[tuple[str, list[str]]]:
    """Read each entry, and the names that it may mean, likeliest first: without suffix, with folders.

    Raises OSError, and ValueError for what is no list.
    """
    text = unicodedata.normalize("NFC", decode(path)[0])
    if text.lstrip()[:1] in ("{", "["):
        entries = [(name, [name]) for name in _of_json(json.loads(text))]
    else:
        lines = [line.strip() for line in text.splitlines()]
        entries = [(line, _columns(line)) for line in lines if line and line[0] != "#"]
    return [(entry, [_name(name) for name in names]) for entry, names in entries]


def _of_json(content: object) -> list[str]:
    if isinstance(content, dict) and isinstance(content.get("images"), list):
        content = [image.get("file_name") if isinstance(image, dict) else None for image in content["images"]]
    if not isinstance(content, list) or not all(isinstance(name, str) and name for name in content):
        raise ValueError("expected COCO's instances or a list of names, in JSON")
    return content


def _columns(line: str) -> list[str]:
    """Its beginning up to a picture's suffix, all of it as a name with blanks, and its first column."""
    match = SUFFIXED.match(line)
    firsts = [next(csv.reader([line], delimiter=delimiter))[0] for delimiter in DELIMITERS]
    return list(dict.fromkeys([*([match[1]] if match else []), line, *firsts]))


def _name(text: str) -> str:
    path = PurePosixPath(text.strip("\"'").replace("\\", "/"))
    return str(path.with_suffix("") if path.suffix.lower() in IMAGES else path)
