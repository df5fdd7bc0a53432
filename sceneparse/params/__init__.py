"""Schema of params.yaml: a file for each section, the loader and the stages' flags."""
