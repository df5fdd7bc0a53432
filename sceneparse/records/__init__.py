"""TFRecords of a prepared dataset: schema, manifest, batches and augmentation."""
