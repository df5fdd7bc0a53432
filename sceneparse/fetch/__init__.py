"""Downloads of pinned files, and the source files that describe them."""
