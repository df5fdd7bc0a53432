"""Pinned files from HTTP servers."""
