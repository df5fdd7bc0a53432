"""What can be wrong with a dataset, by kind: how bad it is, what it is called, and how it is mended.

Errors are what prepare refuses, and what cannot be trained; warnings are what it takes as it is.
"""

from typing import Final, NamedTuple

from sceneparse.dataset.labels import MAX_CLASSES


class Kind(NamedTuple):
    """A kind of finding."""

    error: bool
    title: str
    mend: str


class Finding(NamedTuple):
    """One thing that was found: `where` is a member of the dataset, a split, or a class."""

    kind: str
    where: str
    text: str


CONVERT = "sceneparse convert makes such annotations from palette, colour and 16-bit masks"

KINDS: Final = {
    "class_table": Kind(
        True,
        "the class table",
        "one objectInfo150.txt, where images/ and annotations/ are: UTF-8, tab-separated, columns Idx and Name, a row "
        f"per class in the order 1..N, N at most {MAX_CLASSES}; value 0 (other) has no row. Until it is right, "
        "annotation values are not compared with the number of classes, and warnings about classes are left out",
    ),
    "image_alone": Kind(
        True, "pictures without annotation", "add annotations/SPLIT/ID.png, or remove the picture; names are compared"
    ),
    "annotation_alone": Kind(
        True, "annotations without picture", "add images/SPLIT/ID.jpg (or .png), or remove the annotation"
    ),
    "doubles": Kind(
        True, "files of an id that another file has", "keep one file per name, whatever its suffix or folder"
    ),
    "name": Kind(
        True, "names that are not valid UTF-8", "rename the picture and its annotation: a zip cannot hold them"
    ),
    "empty": Kind(True, "splits without a pair", "both splits need pairs: images/ and annotations/ of that split"),
    "scenes": Kind(True, "the scene categories", 'write sceneCategories.txt in UTF-8, "ID category" a line, or remove'),
    "image_unreadable": Kind(
        True, "pictures that cannot be decoded", "copy them again from where they came, or remove the pair"
    ),
    "annotation_unreadable": Kind(
        True, "annotations that cannot be decoded", "copy them again from where they came, or remove the pair"
    ),
    "annotation_kind": Kind(
        True, "annotations of another kind", f"8-bit grayscale PNGs whose values are class numbers: {CONVERT}"
    ),
    "sizes": Kind(
        True,
        "annotations of another size than their picture",
        "export them at the picture's size, never resized by interpolation",
    ),
    "value_255": Kind(
        True,
        "annotations with the value 255",
        "where it marks what to ignore, write 0; where masks have 0 and 255 only, it is a class, which needs its "
        "number; sceneparse convert does both",
    ),
    "values": Kind(
        True,
        "annotation values above the number of classes",
        "add the classes to the class table, or write 0 for what has no class",
    ),
    "no_labels": Kind(
        True, "splits whose annotations are 0 everywhere", "0 is 'other' and is left out: number classes from 1"
    ),
    "one_class": Kind(
        False,
        "a single class",
        "0 (other) is left out of loss and scores, so there is nothing to tell the class from: give the background a "
        "number and a row of its own",
    ),
    "off_by_one": Kind(
        False, "numbers that seem off by one", "0 is 'other', the first class is 1: look at a few annotations"
    ),
    "unlabelled": Kind(
        False, "annotations that are 0 everywhere", "nothing is learnt from them: label them, or remove the pair"
    ),
    "unseen": Kind(
        False, "classes that never occur in training", "the model cannot learn them: add pictures, or drop the class"
    ),
    "validation_only": Kind(
        False, "classes that occur in validation alone", "their IoU will be 0: move pictures that show them to training"
    ),
    "same_name": Kind(
        False,
        "classes of the same name",
        "tables and pictures show the name: give each its own. Of the column Name only the part before a comma "
        "is shown; a column Label has names in full",
    ),
    "same_colour": Kind(False, "classes of the same colour", "pictures do not tell them apart: give each its own"),
    "leak": Kind(False, "pictures that are in both splits", "scores count what was trained on: keep each in one split"),
    "orientation": Kind(
        False,
        "pictures that fit their annotation both upright and as stored",
        "their EXIF turns or mirrors them without changing their size, and they are used upright: look whether the "
        "annotations were drawn on the upright picture",
    ),
    "as_stored": Kind(
        False,
        "pictures that fit their annotation only as stored",
        "their EXIF turns them, and they are used as stored, as their annotations lie: predict shows such photos "
        "upright, so remove the EXIF's turn, or turn both",
    ),
    "alpha": Kind(
        False,
        "pictures with transparency or a fourth band",
        "it is left out, in training and in use; lay cut-outs over a background of your choice",
    ),
    "frames": Kind(False, "pictures of several frames", "the first is used: save the one that the annotation is for"),
    "depth": Kind(False, "pictures of 16 bits a sample", "the upper 8 bits are used, in training and in use"),
    "dark": Kind(
        False,
        "16-bit pictures that use little of their range",
        "they are dark, and few levels are left: scale the values up to 65535 (12 bits: times 16), or save 8 bits",
    ),
    "cmyk": Kind(False, "CMYK pictures", "they are converted without their colour profile: save them as RGB"),
    "passed_over": Kind(
        False,
        "files that are passed over",
        "images/{training,validation}/*.jpg, .jpeg or .png and annotations/{training,validation}/*.png are read",
    ),
    "batch": Kind(
        False, "a training split smaller than a batch", "add pictures, or lower train.batch_size in params.yaml"
    ),
}
