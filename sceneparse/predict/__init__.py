"""Label pictures and videos with a trained model: `sceneparse predict` and `submit`."""
