"""`sceneparse export`: a trained model in the formats of other runtimes, each checked before it gets its name."""
