"""Classes and params of two runs beside each other."""

from pipeline.experiments.compare_page import class_differences, differing, why_not_comparable
from sceneparse.report.measured import ClassRow


def test_the_same_classes_and_annotations_are_comparable():
    sky, sea = ClassRow(1, "sky", 0.5, 1.0, 9, 1), ClassRow(2, "sea", 0.25, 1.0, 4, 1)
    assert why_not_comparable([sky, sea], [sky._replace(iou=0.1, predicted_pixels=7), sea]) == ""
    assert "another order" in why_not_comparable([sky, sea], [sea, sky])
    assert "(2 and 1, names in common: 1)" in why_not_comparable([sky, sea], [sky])
    assert "1 of 2 classes" in why_not_comparable([sky, sea], [sky, sea._replace(labelled_pixels=5)])


def test_classes_of_one_run_alone():
    a = [ClassRow(1, "sky", 0.5, 1.0, 1, 1), ClassRow(2, "sea", 0.5, 1.0, 1, 1)]
    b = [ClassRow(1, "sea", 0.75, 1.0, 1, 1), ClassRow(2, "land", 0.5, 1.0, 1, 1)]
    assert [(row.name, row.a, row.b, row.difference) for row in class_differences(a, b)] == [
        ("sea", 0.5, 0.75, 0.25),
        ("land", None, 0.5, None),
        ("sky", 0.5, None, None),
    ]
    assert differing({"a": 1, "b": None}, {"a": 2, "c": None}) == ["a", "b", "c"]
