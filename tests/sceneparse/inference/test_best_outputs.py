"""The best output of each pixel."""

import numpy as np

from sceneparse.inference.best_outputs import CHUNK, best_outputs


def test_ties_go_to_the_first_output_as_in_argmax():
    scores = np.zeros((1, 2, 2, 2 * CHUNK + 1), np.float32)
    scores[0, 0, 1, [CHUNK, CHUNK + 1, 2 * CHUNK]] = 1
    assert best_outputs(scores, (2, 2)).tolist() == [[[0, CHUNK], [0, 0]]]
