"""Everything that touches DVC and its processes."""
