"""What each pipeline stage does: six stage modules, and the data, model and score code they share."""
