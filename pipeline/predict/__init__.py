"""`sceneparse predict` and `submit`: from arguments to pictures, in batches through the network, to files."""

from pipeline.predict.command import predict

__all__ = ["predict"]
