"""From a dataset archive to pairs of pixels: pictures, annotations and class names."""
