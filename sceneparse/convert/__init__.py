"""A user's own data: checked, and brought into ADE20K's layout from other ones."""
