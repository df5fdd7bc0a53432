"""Scores of the scene categories."""

import zipfile

import numpy as np
from report_inputs import SceneParser, png

from sceneparse.dataset.archive import Archive
from sceneparse.scores.metrics import scores
from stages.evaluate.stage import score_originals


def test_a_categorys_scores_are_those_of_its_pixels_together(tmp_path):
    with zipfile.ZipFile(tmp_path / "dataset.zip", "w") as archive:
        # wall on the left and sky on the right is predicted; the second picture is much larger and all wrong.
        for id, size, value in (("a", (4, 4), 1), ("b", (40, 40), 3), ("c", (4, 4), 2), ("d", (4, 4), 2)):
            archive.writestr(f"images/validation/{id}.png", png(np.zeros((*size, 3), np.uint8)))
            archive.writestr(f"annotations/validation/{id}.png", png(np.full(size, value, np.uint8)))
        archive.writestr("objectInfo150.txt", "Idx\tName\n1\twall\n2\tsky\n3\ttree\n")
        archive.writestr("sceneCategories.txt", "a coast\nb coast\nc street\n")
    with Archive(tmp_path / "dataset.zip") as archive:
        total, images, categories = score_originals(SceneParser(), archive, None)
    assert list(images["id"]) == ["a", "b", "c", "d"]
    coast, street = categories.itertuples(index=False, name=None)  # d is in no category
    assert coast == ("coast", 2, 1616, 8 / 1616, (8 / 816 + 0 + 0) / 3)
    assert street == ("street", 1, 16, 0.5, 0.25)
    assert total.sum() == 1616 + 32
    assert scores(total)["pixel_accuracy"] == (8 + 8 + 8) / total.sum()
