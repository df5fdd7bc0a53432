"""Defaults of `predict` and `submit`, apart from their code so that importing them costs nothing."""

BATCH = 8  # pictures per forward pass
TILE_ABOVE = 50_000_000  # pixels of a picture: more than nearly all cameras produce
