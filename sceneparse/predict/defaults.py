"""Numbers that `predict` and `submit` use where the command line gives none. Importing them costs nothing."""

BATCH = 8  # pictures per forward pass
TILE_ABOVE = 50_000_000  # pixels of a picture: more than nearly all cameras give
