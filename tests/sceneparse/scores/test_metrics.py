"""The scores, against hand-computed cases, an independent implementation and the official toolkit's example."""

import csv
import json
import math
import statistics

import numpy as np
import pytest

from sceneparse.core.files import write_json
from sceneparse.scores.metrics import confusion_matrix, per_class, scores, write_tables
from sceneparse.scores.score_names import SCORES

# Three classes; '.' = ignored in the labels, no class in the predictions.
#
#   labels   0 0 0 1      predictions   0 0 1 1
#            1 1 . .                    1 0 0 2
#
# truth \ predicted   0  1  2  none | row     IoU: 0: 2 / (3 + 3 - 2) = 1/2
#                 0   2  1  0   0   |  3           1: 2 / (3 + 3 - 2) = 1/2
#                 1   1  2  0   0   |  3           2: absent: its only prediction is on an ignored pixel
LABELS = np.array([[0, 0, 0, 1], [1, 1, 255, 255]], np.uint8)
PREDICTIONS = np.array([[0, 0, 1, 1], [1, 0, 0, 2]], np.uint8)
MATRIX = [[2, 1, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0]]


def random_pair(seed, shape=(31, 17)):
    """Labels and predictions of seven classes, ignored and unpredicted ones; 3 is absent, 5 predicted, never true."""
    rng = np.random.default_rng(seed)
    return (rng.choice(np.array(values, np.uint8), shape) for values in ([0, 1, 2, 4, 6, 255], [0, 1, 2, 4, 5, 6, 255]))


def slow_scores(labels, predictions, classes):
    """The six scores, pixel by pixel and class by class in plain Python: shares no code with ours."""
    pixels = [(t, p) for t, p in zip(labels.ravel().tolist(), predictions.ravel().tolist(), strict=True) if t != 255]
    ious, zeroed, accuracies, weighted = [], [], [], 0.0
    for c in range(classes):
        intersection = sum(t == c and p == c for t, p in pixels)
        union = sum(c in (t, p) for t, p in pixels)
        labelled = sum(t == c for t, _ in pixels)
        zeroed.append(intersection / union if union else 0.0)
        ious += [intersection / union] if union else []
        accuracies += [intersection / labelled] if labelled else []
        weighted += labelled / len(pixels) * zeroed[-1]
    accuracy = sum(t == p for t, p in pixels) / len(pixels)
    official = statistics.fmean(zeroed)
    means = (statistics.fmean(accuracies), statistics.fmean(ious), official)
    return [accuracy, *means, weighted, (accuracy + official) / 2]


def test_by_hand():
    matrix = confusion_matrix(LABELS, PREDICTIONS, 3)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == MATRIX
    assert scores(matrix) == {
        "pixel_accuracy": 4 / 6,
        "mean_accuracy": pytest.approx(2 / 3),  # 2/3 and 2/3; class 2 has no labelled pixels
        "mean_iou": 1 / 2,  # of two classes
        "mean_iou_absent_as_zero": pytest.approx(1 / 3),  # (1/2 + 1/2 + 0) / 3
        "frequency_weighted_iou": 1 / 2,  # 3/6 x 1/2 + 3/6 x 1/2
        "benchmark_score": pytest.approx(1 / 2),  # (2/3 + 1/3) / 2
    }


@pytest.mark.parametrize("seed", range(10))
def test_against_plain_python(seed):
    labels, predictions = random_pair(seed)
    score = scores(confusion_matrix(labels, predictions, 7))
    assert list(score) == list(SCORES)
    assert list(score.values()) == pytest.approx(slow_scores(labels, predictions, 7), abs=1e-12)


def test_the_official_example():
    """Perfect predictions of 15 of 150 classes: the toolkit's README has 0.1000, 100% and a final score of 0.55."""
    labels = np.arange(15, dtype=np.uint8).repeat(20).reshape(3, 100)
    score = scores(sum(confusion_matrix(row, row, 150) for row in labels))
    assert score["mean_iou_absent_as_zero"] == pytest.approx(0.1)
    assert score["benchmark_score"] == pytest.approx(0.55)
    assert score["pixel_accuracy"] == score["mean_iou"] == 1.0


def test_matrices_add_up():
    pairs = [(*random_pair(seed),) for seed in range(4)]
    whole = confusion_matrix(*(np.concatenate(side) for side in zip(*pairs, strict=True)), 7)
    assert np.array_equal(whole, sum(confusion_matrix(*pair, 7) for pair in pairs))


def test_a_square_matrix_scores_the_same_when_all_is_predicted():
    matrix = confusion_matrix(LABELS, PREDICTIONS, 3)
    assert scores(matrix[:, :3]) == scores(matrix)
    with pytest.raises(ValueError, match=r"\[N, N\+1\]"):
        scores(matrix[:, :2])


def test_nothing_labelled_has_no_scores():
    nothing = np.full((4, 4), 255, np.uint8)
    assert scores(confusion_matrix(nothing, nothing * 0, 3)) == dict.fromkeys(SCORES)


def test_large_counts_are_exact():
    many = 5 * 10**9  # its square is beyond 64 bits
    score = scores(np.array([[many, 0], [0, many]]))
    assert score["frequency_weighted_iou"] == 1.0


@pytest.mark.parametrize("classes", [1, 254])
def test_fewest_and_most_classes(classes):
    labels = np.arange(classes, dtype=np.uint8)
    assert scores(confusion_matrix(labels, labels, classes))["mean_iou"] == 1.0


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 3], [0, 0], r"labels 0\.\.2 or 255, got 3"),
        ([0, 0], [254, 3], r"predictions 0\.\.2 or 255, got 3, 254"),
        ([255], [3], "predictions"),  # bad wherever it is
        ([0, 0], [0], "equal shapes"),
    ],
)
def test_bad_values_are_refused(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(np.array(labels, np.uint8), np.array(predictions, np.uint8), 3)


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        confusion_matrix(LABELS.astype(np.int64), PREDICTIONS, 3)
    with pytest.raises(ValueError, match="classes"):
        confusion_matrix(LABELS, PREDICTIONS, 255)


def test_per_class():
    frame = per_class(confusion_matrix(LABELS, PREDICTIONS, 3), ["wall", "sky", "none of these"])
    assert list(frame) == ["class_id", "name", "iou", "accuracy", "labelled_pixels", "predicted_pixels"]
    assert frame.iloc[0].tolist() == [1, "wall", 0.5, 2 / 3, 3, 3]
    absent = frame.iloc[2].tolist()
    assert absent[:2] + absent[4:] == [3, "none of these", 0, 0]
    assert math.isnan(absent[2])
    assert math.isnan(absent[3])


def test_files(tmp_path):
    matrix = confusion_matrix(LABELS, PREDICTIONS, 3)
    matrix[0, 3] += 5  # no class was predicted
    names = ["wall", "sky, blue", "tree"]
    write_tables(matrix, names, tmp_path / "per_class.csv", tmp_path / "confusion.csv")
    with (tmp_path / "confusion.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert all(float(row["share"]) == int(row["pixels"]) / matrix[int(row["truth_id"]) - 1].sum() for row in rows)
    assert [row["truth"] for row in rows] == [names[int(row["truth_id"]) - 1] for row in rows]
    assert {row["prediction"] for row in rows if row["prediction_id"] == "0"} == {"none"}
    again = np.zeros_like(matrix)
    for row in rows:
        assert row["prediction"] == [*names, "none"][int(row["prediction_id"]) - 1]
        again[int(row["truth_id"]) - 1, int(row["prediction_id"]) - 1] = int(row["pixels"])
    assert np.array_equal(again, matrix)
    assert len(rows) == np.count_nonzero(matrix)
    with (tmp_path / "per_class.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert last["iou"] == last["accuracy"] == ""


def test_scores_are_strict_json(tmp_path):
    empty = np.zeros((2, 3), np.int64)
    for matrix in (confusion_matrix(LABELS, PREDICTIONS, 3), empty):
        write_json(tmp_path / "scores.json", scores(matrix))
        assert json.loads((tmp_path / "scores.json").read_text()) == scores(matrix)
        assert all(type(value) in {float, type(None)} for value in scores(matrix).values())
