"""Export a trained model to the formats of other runtimes, each checked before it gets its name."""
