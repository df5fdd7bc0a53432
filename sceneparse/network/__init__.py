"""The FCN-8s network, its ImageNet weights and its card."""
