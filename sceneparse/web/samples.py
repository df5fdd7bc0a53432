"""Sample pictures of the page: drawn scenes, which only a model of the demo's classes can be expected to know.

Input: a model's classes. Output: names of the pictures in page/samples. A model of other classes has none: no picture
here is known to be like those that it was trained on.
"""

from collections.abc import Sequence

SAMPLES = ("street", "village", "coast", "valley")
# The demo dataset's classes, in order of their annotation values.
DEMO = (
    "sky",
    "road",
    "grass",
    "building",
    "sand",
    "tree",
    "mountain",
    "field",
    "water",
    "sidewalk",
    "fence",
    "streetlight",
    "car",
    "person",
    "boat",
    "signboard",
)


def samples_for(classes: Sequence[str]) -> list[str]:
    """Return the names of the sample pictures to offer."""
    return list(SAMPLES) if tuple(classes) == DEMO else []
