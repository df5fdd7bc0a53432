"""Stage prepare: TFRecords for training."""
