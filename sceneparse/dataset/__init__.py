"""Datasets in ADE20K's layout: pictures, annotations and class names."""
