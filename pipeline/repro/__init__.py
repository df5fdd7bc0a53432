"""All that touches DVC and its processes."""
