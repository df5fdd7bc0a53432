"""Stage prepare: see stage.py."""
