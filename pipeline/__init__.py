"""Who runs the stages, and the `sceneparse` command."""
