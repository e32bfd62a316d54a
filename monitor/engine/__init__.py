"""The engine: from a tick to a recorded result and a signal."""
