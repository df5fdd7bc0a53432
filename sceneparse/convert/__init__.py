"""Check a user's own data, and bring it into ADE20K's layout from other ones."""
