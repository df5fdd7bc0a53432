"""How the demo's scenes are painted: a canvas, the things on it, and what stands where."""
