"""Templates of pages and messages; the only place where Jinja is configured."""
