"""Stage download: the dataset's archive."""
