"""The quality gate: which scores a model needs before it is pushed.

Input: the scores of this run and of the model pushed last. Output: nothing, or the reason why the
gate is closed. The score is the mean IoU at original size, over classes that occur.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from sceneparse.core.errors import InputError
from sceneparse.scores.results import Scores


@dataclass(frozen=True)
class Gate:
    """min_iou: lowest mean IoU, 0..1, or None. margin: how far below the last pushed model's it may lie."""

    min_iou: float | None = None
    margin: float = 0.01

    def closed(self, scores: Scores, pushed: Scores | None) -> str | None:
        """Why a model with `scores` is not to be pushed; None when it may be. `pushed`: the last pushed one's."""
        iou = mean_iou(scores)
        if iou is None:
            return "there is no mean IoU: no labelled pixel was scored"
        if self.min_iou is not None and iou < self.min_iou:
            return f"mean IoU {iou:.4f} is below {self.min_iou:.4f}, the least that was asked for"
        before = mean_iou(pushed) if pushed else None
        if before is not None and iou < before - self.margin:
            return f"mean IoU {iou:.4f} is more than {self.margin:.4f} below {before:.4f}, the last pushed model's"
        return None


def mean_iou(scores: Scores) -> float | None:
    """The score that the gate looks at."""
    return scores["original"]["mean_iou"]


def read_earlier(path: Path) -> Scores:
    """Return the scores that an earlier run noted; empty when there was none. Raises InputError on a damaged note."""
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise InputError(
            "the note of an earlier run is damaged",
            expected="a JSON object",
            got=repr(error),
            file=path,
            next_step="remove the file: the next run writes it again",
        ) from None
