"""Subcommands of `sceneparse`: their flags, help, examples, and the functions that they call."""
