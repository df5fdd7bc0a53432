"""Painting of the demo's scenes: a canvas, the ground, things, and their arrangement in scenes."""
