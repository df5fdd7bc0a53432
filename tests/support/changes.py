"""Changes of a small dataset's members, each a function of a member's content, and the dataset with them."""

import io

from datasets import encoded, write_archive
from photos import turned as exif_turn
from PIL import Image

PICTURE = "images/training/training_0002.jpg"
ANNOTATION = "annotations/training/training_0002.png"


def as_mode(mode, format="PNG", **options):
    return lambda content: encoded(Image.open(io.BytesIO(content)).convert(mode), format, **options)


turned = as_mode("RGB", "JPEG", exif=exif_turn(3))


def written(tmp_path, changes, **arguments):
    """Write a dataset with changes of its members, or contents of new ones; return its path."""
    path = tmp_path / "dataset.zip"
    extra = {name: change for name, change in changes.items() if isinstance(change, bytes)}
    changes = {name: change for name, change in changes.items() if name not in extra}
    write_archive(path, changes=changes, extra=extra, root="", **arguments)
    return path
