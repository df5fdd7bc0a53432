"""Scores of predictions, and colours that make them visible."""
