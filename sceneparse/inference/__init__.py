"""A trained model put to use on pictures of any size."""
