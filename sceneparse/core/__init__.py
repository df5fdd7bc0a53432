"""Errors, files, progress and other ground that every room stands on."""
