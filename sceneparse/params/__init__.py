"""Schema of params.yaml, a file for each section; its loader, presets and the stages' command line."""
