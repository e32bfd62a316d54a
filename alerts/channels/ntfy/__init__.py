"""ntfy: rings a phone that follows a topic."""
