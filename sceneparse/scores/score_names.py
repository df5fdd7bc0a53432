"""Names of the scores, for those who read them and need no NumPy."""

# Key, in the order of scores(), and the meaning that a reader of a table needs.
SCORES = {
    "pixel_accuracy": "share of labelled pixels given their class",
    "mean_accuracy": "share of each class's pixels found, mean over labelled classes",
    "mean_iou": "mean over classes that were labelled or predicted",
    "mean_iou_absent_as_zero": "mean over all classes, absent ones counted as 0 (the official toolkit's)",
    "frequency_weighted_iou": "IoU weighted by each class's labelled pixels",
    "benchmark_score": "mean of pixel accuracy and the official toolkit's mean IoU",
}
