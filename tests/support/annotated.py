"""Tiny pictures, shapes to draw on them, and convert's annotations as lines of digits."""

from mask_folders import annotation, contents, converted, photo, save

SIZE = (8, 6)
SHARE = "--share 0.5 --seed 3 --out set.zip"  # one of a and b for each split

SQUARE = [[1, 1], [3, 1], [3, 3], [1, 3]]  # 3 x 3 pixels, with its border
LOW = [[2, 2], [6, 2], [6, 4], [2, 4]]  # over the square's corner
ALL = ["0" * 8] * 6
ONE = [ALL[0], *["01110000"] * 3, *ALL[:2]]  # the square
BOTH = [ALL[0], "01110000", "01222220", "01222220", "00222220", ALL[0]]  # the square is 1, the low one 2, above it
UNDER = [ALL[0], "01110000", "01112220", "01112220", "00222220", ALL[0]]  # the square above


def pictures(folder, names=("a.jpg", "b.jpg"), size=SIZE):
    for seed, name in enumerate(names):
        save(folder / name, photo(seed, size))


def maps(line, **expected):
    """Convert, and compare each picture's annotation with the lines of digits that are expected."""
    members = contents(converted(line))
    drawn = {
        name.split("/")[2].removesuffix(".png"): ["".join(map(str, row)) for row in annotation(content)]
        for name, content in members.items()
        if name.startswith("annotations/")
    }
    assert drawn == expected
    return members


def exchanged(rows):
    """The lines of digits with 1 and 2 exchanged."""
    return [row.translate(str.maketrans("12", "21")) for row in rows]


def names(members):
    return [line.split("\t")[1] for line in members["objectInfo150.txt"].decode().splitlines()[1:]]
