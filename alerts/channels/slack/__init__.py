"""Slack: one message for an incident, edited as it changes, its timeline in the thread, answers by button."""
