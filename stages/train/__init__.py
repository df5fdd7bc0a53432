"""Stage train: see stage.py."""
