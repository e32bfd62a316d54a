"""A conversation with the workflow's agent."""
