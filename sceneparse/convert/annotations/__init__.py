"""Files of annotation tools -> drawings, from which `convert` makes annotations: a file for each format."""
