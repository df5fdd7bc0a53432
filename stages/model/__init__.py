"""The FCN-8s network, its weights, its loss, and its use on an image."""
