"""A user's own Python function."""
