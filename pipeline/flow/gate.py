"""The quality gate: which scores a model needs before it is pushed.

Input: the scores of this run and of the model pushed last. Output: nothing, or the reason why the
gate is closed. The score is the mean IoU at original size, over classes that occur.
"""

from dataclasses import dataclass

from pipeline.repro.results import Scores


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
