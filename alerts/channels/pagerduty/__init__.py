"""PagerDuty: pages through the Events API, answers and schedules read back through the REST API."""
