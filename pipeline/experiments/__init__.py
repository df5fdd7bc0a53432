"""Sweeps and comparisons of DVC experiments."""
