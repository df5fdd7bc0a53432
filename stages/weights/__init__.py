"""Stage weights: see stage.py."""
