"""Stage download: see stage.py."""
