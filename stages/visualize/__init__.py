"""Stage visualize: see stage.py."""
