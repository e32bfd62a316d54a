"""A job that reports by itself: it is waited for, never run."""
