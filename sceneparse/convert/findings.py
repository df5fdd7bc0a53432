"""Everything that `check` looks for in a dataset, by kind: how bad it is, its title, and how to fix it.

Errors are faults that prepare refuses, or that prevent training; warnings are oddities that it accepts.
"""

from typing import Final, NamedTuple

from sceneparse.dataset.labels import MAX_CLASSES


class Kind(NamedTuple):
    """A kind of finding."""

    error: bool
    title: str
    fix: str


class Finding(NamedTuple):
    """One fault or oddity; `where` is a member of the dataset, a split, or a class."""

    kind: str
    where: str
    text: str


ERRORS: Final = {
    "class_table": (
        "the class table",
        "one objectInfo150.txt, where images/ and annotations/ are: UTF-8, tab-separated, columns Idx and Name, a row "
        f"per class in the order 1..N, N at most {MAX_CLASSES}; value 0 (other) has no row. Until it is right, "
        "annotation values are not compared with the number of classes, and warnings about classes are left out",
    ),
    "image_alone": (
        "pictures without annotation",
        "add annotations/SPLIT/ID.png, or remove the picture; names are compared",
    ),
    "annotation_alone": ("annotations without picture", "add images/SPLIT/ID.jpg (or .png), or remove the annotation"),
    "trees": (
        "pictures outside of the folder with the class table",
        "one dataset a zip or directory: move them into its images/ and annotations/, or out of it",
    ),
    "doubles": ("files of an id that another file has", "keep one file per name, whatever its suffix or folder"),
    "name": ("names that are not valid UTF-8", "rename the picture and its annotation: a zip cannot hold them"),
    "empty": ("splits without a pair", "both splits need pairs: images/ and annotations/ of that split"),
    "scenes": ("the scene categories", 'write sceneCategories.txt in UTF-8, "ID category" a line, or remove it'),
    "image_unreadable": ("pictures that cannot be decoded", "copy them from their source again, or remove the pair"),
    "annotation_unreadable": (
        "annotations that cannot be decoded",
        "copy them from their source again, or remove the pair",
    ),
    "annotation_kind": (
        "annotations of another kind",
        "8-bit grayscale PNGs whose values are class numbers: sceneparse convert makes such annotations from palette, "
        "colour and 16-bit masks",
    ),
    "sizes": (
        "annotations of another size than their picture",
        "export them at the picture's size, never resized by interpolation",
    ),
    "value_255": (
        "annotations with the value 255",
        "if it marks pixels to ignore, write 0; if masks have 0 and 255 only, it is a class, which needs its number; "
        "sceneparse convert does both",
    ),
    "values": (
        "annotation values above the number of classes",
        "add the classes to the class table, or write 0 for pixels without a class",
    ),
    "no_labels": ("splits whose annotations are 0 everywhere", "0 is 'other' and is left out: number classes from 1"),
}

WARNINGS: Final = {
    "one_class": (
        "a single class",
        "0 (other) is left out of loss and scores, so there is nothing to tell the class from: give the background a "
        "number and a row of its own",
    ),
    "off_by_one": ("numbers that seem off by one", "0 is 'other', the first class is 1: look at a few annotations"),
    "unlabelled": (
        "annotations that are 0 everywhere",
        "training learns nothing from them: label them, or remove the pair",
    ),
    "unseen": ("classes that never occur in training", "the model cannot learn them: add pictures, or drop the class"),
    "validation_only": (
        "classes that occur in validation alone",
        "their IoU will be 0: move pictures that show them to training",
    ),
    "same_name": (
        "classes of the same name",
        "tables and pictures show the name: give each its own. The column Name counts up to its first comma; a column "
        "Label has names in full",
    ),
    "same_colour": ("classes of the same colour", "pictures do not tell them apart: give each its own"),
    "leak": ("pictures that are in both splits", "the model trains on pictures that score it: keep each in one split"),
    "orientation": (
        "pictures that fit their annotation both upright and as stored",
        "their EXIF turns or mirrors them without changing their size, and they are used upright: check that the "
        "annotations were drawn on the upright picture",
    ),
    "as_stored": (
        "pictures that fit their annotation only as stored",
        "their EXIF turns them, and they are used as stored, as their annotations lie: predict shows such photos "
        "upright, so remove the EXIF's turn, or turn both",
    ),
    "alpha": (
        "pictures with transparency or a fourth band",
        "it is left out, in training and in use; lay cut-outs over a background of your choice",
    ),
    "frames": ("pictures of several frames", "the first is used: save the one that the annotation is for"),
    "depth": ("pictures of 16 bits a sample", "the upper 8 bits are used, in training and in use"),
    "dark": (
        "16-bit pictures that use little of their range",
        "they are dark, and few levels are left: scale the values up to 65535 (12 bits: times 16), or save 8 bits",
    ),
    "cmyk": ("CMYK pictures", "they are converted without their colour profile: save them as RGB"),
    "passed_over": (
        "ignored files",
        "images/{training,validation}/*.jpg, .jpeg or .png and annotations/{training,validation}/*.png are read",
    ),
    "batch": ("a training split smaller than a batch", "add pictures, or lower train.batch_size in params.yaml"),
}

KINDS: Final = {
    kind: Kind(error, *texts) for error, kinds in ((True, ERRORS), (False, WARNINGS)) for kind, texts in kinds.items()
}
