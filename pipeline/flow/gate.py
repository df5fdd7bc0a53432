"""The quality gate: the scores that a model needs for a push.

Input: the scores of this run and of the last pushed model. Output: None, or why the gate is closed. The gate compares
the mean IoU at original size, over classes that occur.
"""

from dataclasses import dataclass
from pathlib import Path

from sceneparse.core.errors import InputError, shortened
from sceneparse.scores.results import Scores, load_scores


@dataclass(frozen=True)
class Gate:
    """Limits of a push. min_iou: lowest mean IoU, 0..1; margin: allowed loss since the last pushed model, 0..1."""

    min_iou: float | None = None
    margin: float = 0.01

    def closed(self, scores: Scores, pushed: Scores | None) -> str | None:
        """Return why a model with `scores` must not be pushed, or None. `pushed`: scores of the last pushed model."""
        iou = mean_iou(scores)
        if iou is None:
            return "there is no mean IoU: no labelled pixel was scored"
        if self.min_iou is not None and iou < self.min_iou:
            return f"mean IoU {iou:.4f} is below {self.min_iou:.4f}, the required minimum"
        before = mean_iou(pushed) if pushed else None
        if before is not None and iou < before - self.margin:
            return f"mean IoU {iou:.4f} is more than {self.margin:.4f} below {before:.4f}, the last pushed model's"
        return None


def mean_iou(scores: Scores) -> float | None:
    """Return the score that the gate compares."""
    return scores["original"]["mean_iou"]


def read_earlier(path: Path) -> Scores:
    """Return the scores that an earlier run left in `path`, empty if there are none. Raises InputError."""
    if not path.exists():
        return {}
    try:
        return load_scores(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "the scores of an earlier run are damaged",
            expected="scores as in evaluate.json",
            got=shortened(repr(error), 300),
            file=path,
            next_step="remove the file: the next run writes it again",
        ) from None
