"""From the dataset archive to training batches."""
