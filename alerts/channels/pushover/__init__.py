"""Pushover: rings a phone until somebody answers."""
