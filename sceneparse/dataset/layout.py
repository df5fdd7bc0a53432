"""Layout of datasets, that of ADE20K: names of their members, and how large each may be.

Below one folder of any name (or none), as in ADEChallengeData2016.zip:
    images/{training,validation}/ID.jpg       RGB or grayscale picture
    annotations/{training,validation}/ID.png  8-bit L, same size: 0 = other, 1..N = classes
    objectInfo150.txt                         tab-separated, columns Idx and Name at least; N rows
    sceneCategories.txt                       optional: "ID category" per line
"""

import re
from pathlib import PurePosixPath

SPLITS = ("training", "validation")
CLASS_TABLE = "objectInfo150.txt"
SCENES = "sceneCategories.txt"
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
LAYOUT = "images/SPLIT/ID.jpg and annotations/SPLIT/ID.png, see sceneparse/dataset/layout.py"

# Most bytes of a member. Each is several times what the largest picture or dataset in use needs.
PICTURE_BYTES = 256 << 20
ANNOTATION_BYTES = 128 << 20
TEXT_BYTES = 16 << 20  # lines of 400,000 pictures
TABLE_BYTES = 1 << 20

_PICTURE = re.compile(f"(?P<root>(.*?/)?)(?P<kind>images|annotations)/({'|'.join(SPLITS)})/.")


def root_of(member: str) -> str | None:
    """Return the folder that holds the layout of which a picture or annotation is part; None for another member."""
    match = _PICTURE.match(member) if member.lower().endswith(IMAGE_SUFFIXES) else None
    return match["root"] if match else None


def most_bytes(member: str) -> int:
    """Return the most bytes that a member may have, by its name and place."""
    if PurePosixPath(member).name == CLASS_TABLE:
        return TABLE_BYTES
    if not member.lower().endswith(IMAGE_SUFFIXES):
        return TEXT_BYTES
    match = _PICTURE.match(member)
    return ANNOTATION_BYTES if match and match["kind"] == "annotations" else PICTURE_BYTES
