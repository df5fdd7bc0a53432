"""Read files of annotation tools into drawings, which `convert` turns into annotations: a module for each format."""
