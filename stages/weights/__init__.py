"""Stage weights: ImageNet weights for the backbone."""
